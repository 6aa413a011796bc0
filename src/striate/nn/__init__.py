"""Torch modules with explicit channels: the blocks that `torch.nn` lacks."""

from striate.nn.activations import ACTIVATIONS as ACTIVATIONS
from striate.nn.activations import activation as activation
from striate.nn.classifier import Classifier as Classifier
from striate.nn.classifier import pooled_linear as pooled_linear
from striate.nn.convolution import Conv2dSame as Conv2dSame
from striate.nn.convolution import conv_norm as conv_norm
from striate.nn.initializers import INITIALIZERS as INITIALIZERS
from striate.nn.initializers import initialize as initialize
from striate.nn.pooling import AvgPool2dSame as AvgPool2dSame
from striate.nn.pooling import MaxPool2dSame as MaxPool2dSame
from striate.nn.residual import Residual as Residual

"""LeNet-5, in its modern form and as published.

The convolutional network that read several million cheques a day. New: local receptive fields,
shared weights and sub-sampling in seven layers, trained from pixels to digits by gradients alone,
and fed with the MNIST digits, which came with it. There 0.95 % test error, 0.8 % with distorted
copies of the training images.

Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", figure 2.
Differs: `lenet5` has ReLU for the scaled tanh, max-pooling for trainable sub-sampling, every C3 map
    sees all of S2, and logits for the radial-basis outputs; its weights begin as torch's layers do.
    C5 is a dense layer, which at 32x32 pixels it is. For other image sizes that layer sees as many
    pixels of S4 as there are. `lenet5_1998`: see its file.
"""

from collections import OrderedDict

from torch import nn

from striate.nn import Classifier
from striate.shapes import Pair
from striate.zoo._spec import ArchitectureSpec
from striate.zoo.lenet5_1998 import lenet5_1998, size_of_s4


def lenet5(classes: int, in_channels: int, image_size: Pair) -> Classifier:
    """Images [N, in_channels, H, W] -> features [N, 16, h, w] -> logits [N, classes]."""
    features: OrderedDict[str, nn.Module] = OrderedDict(
        c1=nn.Conv2d(in_channels, 6, 5),
        act1=nn.ReLU(),
        s2=nn.MaxPool2d(2),
        c3=nn.Conv2d(6, 16, 5),
        act3=nn.ReLU(),
        s4=nn.MaxPool2d(2),
    )
    height, width = (size_of_s4(size) for size in image_size)
    head: OrderedDict[str, nn.Module] = OrderedDict(
        flatten=nn.Flatten(),
        c5=nn.Linear(16 * height * width, 120),
        act5=nn.ReLU(),
        f6=nn.Linear(120, 84),
        act6=nn.ReLU(),
        output=nn.Linear(84, classes),
    )
    return Classifier(nn.Sequential(features), nn.Sequential(head))


FAMILY = (
    ArchitectureSpec(
        "lenet5",
        lenet5,
        image_size=32,
        stride=4,
        params=61_706,
        classes=10,
        channels=1,
        sized=True,
        smallest=16,
        year=1998,
        multiply_adds=416_520,
        receptive_field=16,
    ),
    ArchitectureSpec(
        "lenet5_1998",
        lenet5_1998,
        image_size=32,
        stride=4,
        params=60_000,
        classes=10,
        channels=1,
        sized=True,
        smallest=16,
        year=1998,
        multiply_adds=325_700,
        receptive_field=16,
    ),
)

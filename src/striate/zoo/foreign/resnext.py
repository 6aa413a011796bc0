"""What others call the weights of zoo/resnext.py: what they call those of zoo/resnet.py."""

from striate.zoo.foreign import resnet
from striate.zoo.foreign._names import Names

NAMES: dict[str, Names] = resnet.NAMES

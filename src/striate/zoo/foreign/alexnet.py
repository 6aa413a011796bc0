"""What others call the weights of the one column of zoo/alexnet.py."""

from striate.zoo.foreign._names import Names, renamed

_torch = renamed(
    (r"^features\.conv1\.conv$", "features.0"),
    (r"^features\.conv2\.conv$", "features.3"),
    (r"^features\.conv3\.conv$", "features.6"),
    (r"^features\.conv4\.conv$", "features.8"),
    (r"^features\.conv5\.conv$", "features.10"),
    (r"^head\.fc6\.linear$", "classifier.1"),
    (r"^head\.fc7\.linear$", "classifier.4"),
    (r"^head\.fc8$", "classifier.6"),
)

NAMES: dict[str, Names] = {"torchvision": _torch}

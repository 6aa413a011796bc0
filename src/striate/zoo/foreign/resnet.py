"""What others call the weights of zoo/resnet.py."""

from striate.zoo.foreign._names import Names, renamed

_torch = renamed(
    (r"^features\.stem\.0\.conv$", "conv1"),
    (r"^features\.stem\.0\.norm$", "bn1"),
    (r"^features\.stage(\d)\.", r"layer\1."),
    (r"\.shortcut\.conv$", ".downsample.0"),
    (r"\.shortcut\.norm$", ".downsample.1"),
    *((rf"\.branch\.{i}\.conv$", f".conv{i + 1}") for i in range(3)),
    *((rf"\.branch\.{i}\.norm$", f".bn{i + 1}") for i in range(3)),
    (r"^head\.linear$", "fc"),
)

NAMES: dict[str, Names] = {"torchvision": _torch, "timm": _torch}

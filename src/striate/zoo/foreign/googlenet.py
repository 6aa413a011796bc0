"""What others call the weights of the network with batch norm of zoo/googlenet.py."""

from striate.zoo.foreign._names import Names, renamed

_torch = renamed(
    (r"^features\.conv2\.0\.", "conv2."),
    (r"^features\.conv2\.1\.", "conv3."),
    (r"^features\.", ""),
    *((rf"\.branches\.{i}\.", f".branch{i + 1}.") for i in range(4)),
    (r"^auxiliary\.inception4a\.", "aux1."),
    (r"^auxiliary\.inception4d\.", "aux2."),
    (r"\.norm$", ".bn"),
    (r"\.hidden$", ".fc1"),
    (r"^(aux\d)\.linear$", r"\1.fc2"),
    (r"^head\.linear$", "fc"),
)

NAMES: dict[str, Names] = {"torchvision": _torch}

"""What others call the weights of zoo/squeezenet.py."""

from torch import nn

from striate.zoo.foreign._names import Names

FIRE = {"squeeze": "squeeze", "expand.branches.0": "expand1x1", "expand.branches.1": "expand3x3"}


def _torch(network: nn.Module) -> dict[str, str]:
    """Their features are one list: the ReLU of the first layer counts, as pools and fires do."""
    names = {"features.conv1.conv": "features.0", "head.conv10": "classifier.1"}
    children = [name for name, _ in network.get_submodule("features").named_children()]
    for number, child in enumerate(children[1:], start=2):
        if child.startswith("fire"):
            for ours, theirs in FIRE.items():
                names[f"features.{child}.{ours}.conv"] = f"features.{number}.{theirs}"
    return names


NAMES: dict[str, Names] = {"torchvision": _torch}

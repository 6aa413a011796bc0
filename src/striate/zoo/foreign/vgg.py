"""What others call the weights of zoo/vgg.py."""

from torch import nn

from striate.zoo.foreign._names import Names

TORCHVISION = {"fc6.linear": "classifier.0", "fc7.linear": "classifier.3", "fc8": "classifier.6"}
TIMM = {"fc6.linear": "pre_logits.fc1", "fc7.linear": "pre_logits.fc2", "fc8": "head.fc"}


def numbered(network: nn.Module) -> dict[str, str]:
    """Their features are one list: convolutions, norms, ReLUs and pools count alike."""
    names, number = {}, 0
    for child, part in network.get_submodule("features").named_children():
        for inner, _ in part.named_children() or [("", part)]:
            names[f"features.{child}.{inner}"] = f"features.{number}"
            number += 1
        number += isinstance(part, nn.MaxPool2d)
    return {ours: theirs for ours, theirs in names.items() if not ours.endswith(".act")}


def _with(head: dict[str, str]) -> Names:
    def names(network: nn.Module) -> dict[str, str]:
        return numbered(network) | {f"head.{ours}": theirs for ours, theirs in head.items()}

    return names


NAMES: dict[str, Names] = {"torchvision": _with(TORCHVISION), "timm": _with(TIMM)}

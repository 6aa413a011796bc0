"""Weights that others trained, found by their names and put into our networks."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from striate.errors import UsageError, unknown_name
from striate.zoo.foreign import (
    alexnet,
    convnext,
    densenet,
    efficientnet,
    googlenet,
    inception,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    resnet_cifar,
    resnet_v2,
    resnext,
    senet,
    squeezenet,
    vgg,
    vit,
    xception,
)
from striate.zoo.foreign._files import read_foreign
from striate.zoo.foreign._match import ForeignReport as ForeignReport
from striate.zoo.foreign._match import fill, find
from striate.zoo.foreign._names import Names

NAMES: dict[str, dict[str, Names]] = {  # family -> source -> how it names our modules
    "alexnet": alexnet.NAMES,
    "vgg": vgg.NAMES,
    "googlenet": googlenet.NAMES,
    "inception": inception.NAMES,
    "resnet": resnet.NAMES,
    "resnet_cifar": resnet_cifar.NAMES,
    "resnet_v2": resnet_v2.NAMES,
    "densenet": densenet.NAMES,
    "xception": xception.NAMES,
    "squeezenet": squeezenet.NAMES,
    "resnext": resnext.NAMES,
    "mobilenet_v1": mobilenet_v1.NAMES,
    "nasnet": nasnet.NAMES,
    "senet": senet.NAMES,
    "mobilenet_v2": mobilenet_v2.NAMES,
    "mobilenet_v3": mobilenet_v3.NAMES,
    "efficientnet": efficientnet.NAMES,
    "vit": vit.NAMES,
    "convnext": convnext.NAMES,
}


def load_foreign_state(
    network: nn.Module, state: Mapping[str, Tensor], *, source: str | None = None
) -> ForeignReport:
    """Fill a network of the zoo with the weights of the same network of torchvision, timm or Keras.

    The first layer is adapted to another number of channels, and the last one keeps its fresh
    weights where the number of classes is another; the report says so. Anything else that does
    not fit is an error, and then nothing is changed.

    Args:
        network: made by `zoo.create`.
        state: their state dict, or that of a `DataParallel` around it; from Keras, tensors under
            "layer.weight" names.
        source: "torchvision", "timm" or "keras"; None tries all and takes the one that fits best.
    Raises:
        UsageError: the network is not of the zoo, or nobody's names are known for its family.
        UnknownName: no such source for this family.
        FileError: tensors are missing or have other shapes.
    """
    names, state = _known_names(network), _unwrapped(state)
    if source is not None and source not in names:
        raise unknown_name("source of weights", source, names)
    sources = names if source is None else {source: names[source]}
    found = {who: find(network, state, naming(network), who) for who, naming in sources.items()}
    return fill(network, state, max(found.values(), key=lambda match: len(match.theirs)))


def load_foreign(
    network: nn.Module, file: str | Path, *, source: str | None = None
) -> ForeignReport:
    """`load_foreign_state` with the tensors of a local file; no code in it is run.

    Args:
        file: safetensors, a state dict saved by torch, or Keras's .h5, .weights.h5 or .keras.
    Raises:
        FileError: the file cannot be read, or is of another network.
        UsageError, UnknownName: as `load_foreign_state`; or h5py is needed and not installed.
    """
    return load_foreign_state(network, read_foreign(Path(file)), source=source)


def _unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Without the "module." that `torch.nn.DataParallel` puts before every name."""
    wrapped = all(key.startswith("module.") for key in state)
    return {k.removeprefix("module."): v for k, v in state.items()} if wrapped else state


def _known_names(network: nn.Module) -> dict[str, Names]:
    from striate.zoo import family_of

    made_by = getattr(network, "made_by", None) or {}
    family = family_of(made_by["name"]) if made_by else None
    if family not in NAMES:
        what = made_by.get("name", type(network).__name__)
        raise UsageError(
            "zoo-no-foreign-names",
            f"load_foreign_state: how others name the weights of {what} is not known.",
            f"Make the network with zoo.create, of one of these families: {', '.join(NAMES)}.",
        )
    return NAMES[family]

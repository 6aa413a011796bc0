"""Weights that others trained, found by their names and put into our networks."""

from collections.abc import Mapping

from torch import Tensor, nn

from striate.errors import UsageError, unknown_name
from striate.zoo.foreign import resnet
from striate.zoo.foreign._match import ForeignReport as ForeignReport
from striate.zoo.foreign._match import fill, find
from striate.zoo.foreign._names import Names

NAMES: dict[str, dict[str, Names]] = {  # family -> source -> how it names our modules
    "resnet": resnet.NAMES,
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
        state: their state dict; from Keras, tensors under "layer.weight" names.
        source: "torchvision", "timm" or "keras"; None tries all and takes the one that fits best.
    Raises:
        UsageError: the network is not of the zoo, or nobody's names are known for its family.
        UnknownName: no such source for this family.
        FileError: tensors are missing or have other shapes.
    """
    names = _known_names(network)
    if source is not None and source not in names:
        raise unknown_name("source of weights", source, names)
    sources = names if source is None else {source: names[source]}
    found = {who: find(network, state, naming(network), who) for who, naming in sources.items()}
    return fill(network, state, max(found.values(), key=lambda match: len(match.theirs)))


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

"""How a network is written down as data, and built again from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate import zoo
from striate.errors import FileError


def architecture_card(network: nn.Module) -> dict[str, Any]:
    """The name and arguments of a network of the zoo; else only the name of its class.

    A zoo network that was changed since it was made counts as foreign: what the card would build
    must take the same weights.
    """
    made = getattr(network, "made_by", None)
    if made is not None:
        with torch.device("meta"):
            twin = zoo.create(**made)
        if _shapes(twin) == _shapes(network):
            return {"kind": "zoo", **made}
    return {"kind": "foreign", "class": type(network).__name__}


def rebuild(card: Mapping[str, Any], file: Path) -> nn.Module:
    """The network that a card describes, with fresh weights.

    Raises:
        FileError: the network is of a class that only its author has.
    """
    if card["kind"] == "zoo":
        return zoo.create(**{key: value for key, value in card.items() if key != "kind"})
    raise FileError(
        "model-needs-network",
        f"{file} holds the weights of a network of your own, {card.get('class')}; "
        "model files hold no code.",
        f"Build it and pass it: st.load({str(file)!r}, network={card.get('class')}(…))",
    )


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}

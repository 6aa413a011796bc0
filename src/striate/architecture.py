"""Where a network comes from: given, built from symbols, or from the data it was written as."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from striate import layers, zoo
from striate.errors import FileError, UsageError
from striate.layers import Symbolic
from striate.nn import GraphNetwork, HeadedNetwork
from striate.nn.feature_heads import head_from_json, head_of, put_head
from striate.nn.outline import outline
from striate.training import channels_last


def given_or_built(
    network: nn.Module | None,
    inputs: Symbolic | Sequence[Symbolic] | None,
    outputs: Symbolic | Sequence[Symbolic] | None,
    seed: int,
) -> nn.Module:
    """The network that was given, or built from symbols with the first weights of a seed.

    Its weights come to lie in memory with the channels last.

    Raises:
        UsageError: there is neither, or both.
    """
    if isinstance(network, nn.Module) and inputs is None and outputs is None:
        given = network
    elif network is None and inputs is not None and outputs is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            given = layers.graph(inputs, outputs).build()
    else:
        raise UsageError(
            "model-no-network",
            "Model takes a torch.nn.Module, or inputs= and outputs= by name, got "
            f"{type(network).__name__}.",
            "st.zoo.create(name, classes=…) makes a module, st.load(path) reads a model; write "
            "st.Model(inputs=x, outputs=y) for layers that were called, st.Sequential([…]) for a "
            "list.",
        )
    channels_last(given)
    return given


def architecture_card(network: nn.Module) -> dict[str, Any]:
    """The layers of a graph, the name and arguments of a network of the zoo, or a class's name.

    A network that was changed since it was made counts as foreign: what the card would build must
    take the same weights. A network of the zoo that answers by a feature head says so under "head".
    """
    if isinstance(network, GraphNetwork) and network.described:
        with outline():
            known = layers.graph_from_json(network.described).build()
        if _shapes(known) == _shapes(network):
            return {"kind": "graph", **network.described}
    made = getattr(network, "made_by", None)
    if made is not None:
        head = head_of(network)
        card = {"kind": "zoo", **made, **({} if head is None else {"head": head.to_json()})}
        with outline():
            twin = _of_the_zoo(card)
        if _shapes(twin) == _shapes(network):
            return card
    return {"kind": "foreign", "class": type(network).__name__}


def rebuild(card: Mapping[str, Any], file: Path) -> nn.Module:
    """The network that a card describes, with fresh weights.

    Raises:
        FileError: the network is of a class that only its author has, or the layers are wrong.
    """
    if card["kind"] == "graph":
        return layers.graph_from_json(card).build()
    if card["kind"] == "zoo":
        return _of_the_zoo(card)
    raise FileError(
        "model-needs-network",
        f"{file} holds the weights of a network of your own, {card.get('class')}; "
        "model files hold no code.",
        f"Build it and pass it: st.load({str(file)!r}, network={card.get('class')}(…))",
    )


def _of_the_zoo(card: Mapping[str, Any]) -> HeadedNetwork:
    network = zoo.create(**{key: card[key] for key in card if key not in ("kind", "head")})
    if "head" in card:
        put_head(network, head_from_json(card["head"]))
    return network


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}

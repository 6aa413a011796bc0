"""A model from its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from torch import nn

from striate import layers as layer_vocabulary
from striate.architecture import rebuild
from striate.compiling import compiled
from striate.data import Preprocessing
from striate.errors import FileError, StriateError
from striate.model import Model
from striate.model_file import read_model_file
from striate.nn.outline import outline
from striate.predictions import Task
from striate.sequential import Sequential
from striate.training import channels_last

BAD_CARD = (StriateError, LookupError, TypeError, ValueError, AttributeError, OverflowError)


def load(path: str | Path, network: nn.Module | None = None) -> Model:
    """The model in a file that `Model.save` or a training wrote; a run folder may be named too.

    Args:
        network: a network of your own class to take the weights, where the file says that it
            holds the weights of one.
    Raises:
        FileError: the file is missing, damaged, newer, foreign, a pickle, or does not fit.
    """
    file = Path(path)
    if (file / "model.safetensors").is_file():
        file = file / "model.safetensors"
    card, state = read_model_file(file)
    try:
        model = _described(card, file) if network is None else _around(network, card)
        model.network.load_state_dict(state, assign=network is None)
    except RuntimeError as error:
        raise FileError(
            "model-does-not-fit",
            f"The weights in {file} do not fit the network: {error}.",
            "Give the same network that was saved.",
        ) from error
    except BAD_CARD as error:
        if isinstance(error, StriateError) and error.code == "model-needs-network":
            raise
        raise FileError(
            "model-bad-card",
            f"{file} describes no model that can be built: {_told(error)}.",
            "Train again, or take the file from where it was right.",
        ) from error
    channels_last(model.network)
    return model


def _told(error: Exception) -> str:
    return error.what.rstrip(".") if isinstance(error, StriateError) else repr(error)


def _described(card: Mapping[str, Any], file: Path) -> Model:
    """The model of a card, without memory for its weights: those of the file take their place."""
    with outline():
        if card["architecture"]["kind"] != "layers":
            return _around(rebuild(card["architecture"], file), card)
        layers = [layer_vocabulary.from_json(layer) for layer in card["architecture"]["layers"]]
        model = Sequential(layers)
        model.build(tuple(card["architecture"]["input_shape"]))
    return _filled(model, card)


def _around(network: nn.Module, card: Mapping[str, Any]) -> Model:
    return _filled(Model(network), card)


def _filled(model: Model, card: Mapping[str, Any]) -> Model:
    """With everything that a card says besides the network."""
    recipe = card["preprocessing"]
    model.preprocessing = Preprocessing.from_json(recipe) if recipe else None
    model.classes = tuple(str(name) for name in card["classes"])
    if card["task"] not in get_args(Task):
        raise ValueError(f"task {card['task']!r}")
    model.task = card["task"]
    model.temperature = float(card["temperature"])
    mean, deviation = card["target_scale"]
    model.target_scale = (float(mean), float(deviation))
    model.provenance = dict(card["provenance"])
    if card["compiled"]:
        model._compiled = compiled(**card["compiled"])
    return model

"""From a model file back to the model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from striate import layers as layer_vocabulary
from striate.architecture import rebuild
from striate.compiling import compiled
from striate.data import Preprocessing
from striate.errors import FileError
from striate.model import Model
from striate.model_file import read_model_file
from striate.sequential import Sequential


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
    _check_fits(card, state, file)
    model = _assemble(card, network, file)
    try:
        model.network.load_state_dict(state)
    except RuntimeError as error:
        raise FileError(
            "model-does-not-fit",
            f"The weights in {file} do not fit the network: {error}.",
            "Give the same network that was saved.",
        ) from error
    return model


def _assemble(card: Mapping[str, Any], network: nn.Module | None, file: Path) -> Model:
    recipe = card["preprocessing"]
    preprocessing = Preprocessing.from_json(recipe) if recipe else None
    if card["architecture"]["kind"] == "layers" and network is None:
        described = [layer_vocabulary.from_json(layer) for layer in card["architecture"]["layers"]]
        stack = Sequential(described, preprocessing=preprocessing, classes=card["classes"])
        stack._build(tuple(card["architecture"]["input_shape"]))
        model: Model = stack
    else:
        built = network if network is not None else rebuild(card["architecture"], file)
        model = Model(built, preprocessing=preprocessing, classes=card["classes"])
    model.task = card["task"]
    model.temperature = card["temperature"]
    model.target_scale = tuple(card["target_scale"])
    model.provenance = card["provenance"]
    if card["compiled"]:
        model._compiled = compiled(**card["compiled"])
    return model


def _check_fits(card: Mapping[str, Any], state: Mapping[str, Tensor], file: Path) -> None:
    """Raise unless the described network takes these weights, before any memory is taken for it."""
    if card["architecture"]["kind"] == "foreign":
        return
    try:
        with torch.device("meta"):
            expected = _assemble(card, None, file).network.state_dict()
    except (RuntimeError, OverflowError, TypeError) as error:
        raise FileError(
            "model-bad-graph", f"The network that {file} describes cannot be built: {error}."
        ) from error
    sizes = {name: tensor.shape for name, tensor in expected.items()}
    if sizes != {name: tensor.shape for name, tensor in state.items()}:
        odd = next(n for n in [*sizes, *state] if n not in state or sizes.get(n) != state[n].shape)
        raise FileError(
            "model-does-not-fit",
            f"{file} describes another network than its weights are of: {odd!r} differs.",
            "Get the file again from where it was made.",
        )

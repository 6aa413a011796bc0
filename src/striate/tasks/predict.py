"""Predict: what is on these images?"""

import sys
from pathlib import Path

from striate.loading import load
from striate.model import Model
from striate.predictions import Predictions
from striate.tasks.request import PredictRequest
from striate.tasks.run_folder import find_run
from striate.training import choose_device


def carry_out(request: PredictRequest) -> Predictions:
    """Let a run's model answer files, folders, globs, or the list on standard input.

    Raises:
        RunError: there is no such run.
        DataError: there is no file among what was named.
    """
    model = model_of(request.run)
    model.network.to(choose_device(request.device))
    return model.predict_pictures(_named(request.files), request.batch_size)


def model_of(run: str) -> Model:
    """The model of a run folder, of a run's name, or of a model file."""
    path = Path(run)
    if path.is_file() or (path / "model.safetensors").is_file():
        return load(path)
    return load(find_run(run).model)


def _named(files: tuple[str, ...]) -> list[str]:
    """The arguments, with - replaced by the lines of standard input."""
    named: list[str] = []
    for file in files:
        if file == "-":
            named += [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
        else:
            named.append(file)
    return named

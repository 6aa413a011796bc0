"""Predict: what is on these images?"""

import sys
from pathlib import Path

from striate.errors import UsageError
from striate.model import Model
from striate.predictions import Predictions
from striate.stored_model import load
from striate.tasks.request import PredictRequest
from striate.tasks.run_folder import find_run
from striate.training import OnEvent, StageProgress, choose_device, ignore


def carry_out(request: PredictRequest, *, on_event: OnEvent = ignore) -> Predictions:
    """Let a run's model answer files, folders, globs, or the list on standard input.

    Raises:
        UsageError: no file was named.
        RunError: there is no such run.
        DataError: there is no file among what was named.
    """
    if not request.files:
        raise UsageError(
            "usage-missing", "FILES are missing.", "Name images, folders, a glob in quotes, or -."
        )
    model = model_of(request.run)
    model.network.to(choose_device(request.device))

    def tell(done: int, total: int) -> None:
        if total > request.batch_size:
            on_event(StageProgress("Looking at the images", done, total))

    files = named_files(request.files)
    return model.predict_pictures(files, request.batch_size, tell, request.engine)


def model_of(run: str) -> Model:
    """The model of a run folder, of a run's name, or of a model file."""
    path = Path(run)
    if path.is_file() or (path / "model.safetensors").is_file():
        return load(path)
    return load(find_run(run).model)


def named_files(files: tuple[str, ...]) -> list[str]:
    """The arguments, with - replaced by the lines of standard input."""
    named: list[str] = []
    for file in files:
        if file == "-":
            named += [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
        else:
            named.append(file)
    return named

"""Like `train_and_die.py`, with whole trainings of `striate train` on the pictures in ../data."""

import json
from pathlib import Path

from train_and_die import main, tensors_hash

from small_pictures import small_request
from striate.model_file import read_model_file
from striate.tasks.run import open_run
from striate.tasks.train import run
from striate.training import Event, TrainingStarted


def train(folder: Path, checkpoint_steps: int) -> int:
    """Train, resume what is there, and write what came of it; the exit code."""
    place = folder / "run"
    request = small_request(
        folder.parent / "data", place, resume=place.exists(), epochs=3, ema=0.9, mixup=0.2,
        checkpoint_steps=checkpoint_steps,
    )  # fmt: skip
    if checkpoint_steps == 1:  # to be killed anywhere; else to be stopped within the training
        (folder / "started").touch()

    def watch(event: Event) -> None:
        if isinstance(event, TrainingStarted):
            (folder / "started").touch()

    ended = (place / "report.json").exists()  # killed after the last file: nothing to resume
    done = open_run(place) if ended else run(request, on_event=watch)
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in done.history]
    weights = tensors_hash(read_model_file(done.files.model)[1])
    told = {"outcome": done.outcome, "hash": weights, "history": history}
    if done.outcome != "interrupted":
        told["metrics"] = done.report["metrics"]
    (folder / "result.json").write_text(json.dumps(told))
    return done.exit_code


if __name__ == "__main__":
    main(train, lambda: None)  # no threads before forking: a child could inherit a lock for ever

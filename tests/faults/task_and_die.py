"""Like `train_and_die.py`, with whole trainings of `striate train` on the pictures in ../data."""

import json
import tempfile
from pathlib import Path

from train_and_die import main, tensors_hash

from small_pictures import small_request, train_small, write_pictures
from striate.model_file import read_model_file
from striate.tasks.train import run


def train(folder: Path, checkpoint_steps: int) -> int:
    """Train, resume what is there, and write what came of it; the exit code."""
    place = folder / "run"
    request = small_request(
        folder.parent / "data", place, resume=place.exists(), epochs=3, ema=0.9, mixup=0.2,
        checkpoint_steps=checkpoint_steps,
    )  # fmt: skip
    (folder / "started").touch()
    done = run(request)
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in done.history]
    weights = tensors_hash(read_model_file(done.files.model)[1])
    told = {"outcome": done.outcome, "hash": weights, "history": history}
    if done.outcome != "interrupted":
        told["metrics"] = done.report["metrics"]
    (folder / "result.json").write_text(json.dumps(told))
    return done.exit_code


def warm_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        train_small(write_pictures(Path(folder) / "data"), Path(folder) / "run", epochs=1)


if __name__ == "__main__":
    main(train, warm_up)

"""Killed anywhere, a training goes on and ends bitwise where it would have ended."""

import os
import random
import time
from collections.abc import Iterator

import pytest

from forked_trainer import Trainer
from striate.training import Checkpoints

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def trainer() -> Iterator[Trainer]:
    with Trainer("train_and_die.py") as trainer:
        yield trainer


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory) -> dict:
    """The training that nobody interrupts, and how long it takes."""
    start = time.perf_counter()
    result = trainer.train(tmp_path_factory.mktemp("whole"), every=1000)
    assert (result["status"], result["outcome"]) == (0, "finished")
    return {**result, "seconds": time.perf_counter() - start}


@pytest.mark.slow
def test_twenty_kills_at_random_instants_change_no_bit(trainer, whole, tmp_path):
    draw, kills = random.Random(), 0
    while kills < 20:
        folder = tmp_path / f"run{kills}"
        for _ in range(20 - kills):
            answer = trainer.train(folder, kill_after=draw.uniform(0, whole["seconds"] / 2))
            if answer["status"] == 0:
                break
            assert answer["status"] == -9
            kills += 1
        else:
            answer = trainer.train(folder)
        assert answer["status"] == 0
        assert {name: answer[name] for name in ("hash", "history", "steps")} == {
            name: whole[name] for name in ("hash", "history", "steps")
        }
        leftovers = [p.name for p in (folder / "checkpoints").iterdir() if p.suffix == ".tmp"]
        assert leftovers == []


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_ends_with_a_checkpoint_and_its_exit_code(trainer, whole, tmp_path, number, code):
    answer = trainer.train(tmp_path, every=1000, kill_after=whole["seconds"] / 4, number=number)
    assert (answer["status"], answer["outcome"]) == (code, "interrupted")
    assert 0 < answer["steps"] < whole["steps"]
    assert Checkpoints(tmp_path / "checkpoints").latest().step == answer["steps"]
    assert trainer.train(tmp_path)["hash"] == whole["hash"]

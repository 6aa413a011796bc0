"""Killed at any instant, a whole `striate train` goes on and ends bitwise where it would have."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from small_pictures import SMALL, small_request, train_small, write_pictures
from striate.model_file import read_model_file
from striate.tasks.run import Run, open_run
from striate.tasks.run_folder import RunFolder
from striate.training import Checkpoints

SHORT = {"checkpoint_steps": 1}  # and else like the fixture `trained`: 8 steps
LONG = {"epochs": 6, "ema": 0.9, "mixup": 0.2, "checkpoint_steps": 1}  # 30 steps
PATIENCE = 90.0  # seconds for a child to reach its mark, or to be gone

Mark = Callable[[RunFolder], bool]  # whether a training has come so far


def step(number: int) -> Mark:
    return lambda run: max(Checkpoints(run.checkpoints).steps(), default=-1) >= number


MARKS: dict[str, Mark] = {
    "begun": lambda run: run.lock.exists(),
    "checked": lambda run: run.split.exists(),
    "trained": lambda run: run.history.exists(),
    "saved": lambda run: run.model.exists(),
}


@pytest.fixture(scope="module")
def colours(tmp_path_factory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("data") / "colours", each=20)


@pytest.fixture(scope="module")
def long(colours, tmp_path_factory) -> Run:
    """The longer training that nobody interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        run = train_small(colours, tmp_path_factory.mktemp("whole") / "run", **LONG)
        torch.set_num_threads(threads)
    return run


def train_until_killed(
    data: Path, folder: Path, options: dict[str, object], mark: Mark, after: float
) -> bool:
    """Start `striate train`, or go on; SIGKILL some seconds after the mark. False: it was done."""
    asked = small_request(data, **options).model_dump(include={*SMALL, *options})
    settings = [f"{name}={value}" for name, value in asked.items()]
    resume = ["--resume"] if folder.exists() else []
    command = ["train", str(data), *settings, "--output-dir", str(folder), "--quiet", *resume]
    log = folder.with_suffix(".log")
    with log.open("w") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "striate.cli", *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # as many as this process; bits need that
        )
    try:
        limit = time.monotonic() + PATIENCE
        while not mark(RunFolder(folder)):
            assert child.poll() is None, f"ended with {child.returncode}:\n{log.read_text()}"
            assert time.monotonic() < limit, f"not there in {PATIENCE} s:\n{log.read_text()}"
            time.sleep(0.002)
        time.sleep(after)
    finally:
        child.kill()
        code = child.wait(PATIENCE)
    assert code in (0, -signal.SIGKILL), f"ended with {code}:\n{log.read_text()}"
    return code != 0


def finish(data: Path, folder: Path, options: dict[str, object]) -> Run:
    """Go on to the end, in this process; where a kill came after the last file, just look."""
    if RunFolder(folder).finished:
        return open_run(folder)
    return train_small(data, folder, resume=True, **options)


def assert_same_run(run: Run, whole: Run) -> None:
    """Bitwise the same weights, the same history but for its clock, the same scores."""
    weights, expected = (read_model_file(each.files.model)[1] for each in (run, whole))
    assert weights.keys() == expected.keys()
    assert [name for name in weights if not torch.equal(weights[name], expected[name])] == []
    rows = [[{**row, "seconds": 0.0} for row in each.history] for each in (run, whole)]
    assert rows[0] == rows[1]
    assert run.report["metrics"] == whole.report["metrics"]
    assert list(run.folder.rglob("*.tmp")) == []


def test_two_kills_of_a_whole_training_change_no_bit(pictures, trained, tmp_path):
    draw, folder = random.Random(0), tmp_path / "run"
    for first in (1, 4):
        mark = step(draw.randint(first, first + 1))
        assert train_until_killed(pictures, folder, SHORT, mark, after=draw.uniform(0, 0.03))
    assert_same_run(finish(pictures, folder, SHORT), trained)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kills_at_any_stage_of_a_training_change_no_bit(seed, colours, long, tmp_path):
    draw, folder, kills = random.Random(seed), tmp_path / "run", 0
    steps = sorted(draw.sample(range(1, 28), 2))
    for mark in (MARKS["begun"], MARKS["checked"], *map(step, steps), MARKS["trained"],
                 MARKS["saved"]):  # fmt: skip
        if not RunFolder(folder).finished:
            kills += train_until_killed(colours, folder, LONG, mark, after=draw.uniform(0, 0.2))
    assert kills >= 4
    assert_same_run(finish(colours, folder, LONG), long)

"""`torchrun -m striate train`: one run folder, one voice, stopped and gone on with."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from small_pictures import SMALL
from striate.model_file import read_model_file
from striate.tasks.run import open_run
from striate.tasks.run_folder import RunFolder
from striate.training import Checkpoints

PATIENCE = 150.0
OPTIONS = {**SMALL, "optimizer": "sgd"}


def start(data: Path, folder: Path, *flags: str, ranks: int = 2, **options) -> subprocess.Popen:
    settings = [f"{name}={value}" for name, value in {**OPTIONS, **options}.items()]
    launch = ["torch.distributed.run", "--nproc_per_node", str(ranks), "--standalone"]
    command = [*launch, "-m", "striate", "train", str(data), *settings]
    return subprocess.Popen(
        [sys.executable, "-m", *command, "--output-dir", str(folder), *flags],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def train(*arguments, **options) -> tuple[int, str, str]:
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def when_saved(process: subprocess.Popen, folder: Path, step: int) -> None:
    limit = time.monotonic() + PATIENCE
    while max(Checkpoints(RunFolder(folder).checkpoints).steps(), default=-1) < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def weights_of(folder: Path) -> dict:
    return read_model_file(folder / "model.safetensors")[1]


@pytest.mark.slow
def test_stopped_and_gone_on_with_it_is_the_uninterrupted_training(pictures, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code, out, err = train(pictures, whole, epochs=12)
    assert code == 0, err
    assert out.count("report.html") == 1
    assert err.count("Training done") == 1
    process = start(pictures, broken, epochs=12, checkpoint_steps=1)
    when_saved(process, broken, 9)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert "torchrun --nproc_per_node 2 -m striate train" in out, err
    assert not RunFolder(broken).finished
    code, _, err = train(pictures, broken, "--resume", epochs=12)
    assert code == 0, err
    here, there = weights_of(broken), weights_of(whole)
    assert [name for name in there if not here[name].equal(there[name])] == []
    assert open_run(broken).report["metrics"] == open_run(whole).report["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_is_told_within_seconds(pictures, tmp_path, victim):
    folder = tmp_path / "run"
    process = start(pictures, folder, epochs=500, checkpoint_steps=1)
    when_saved(process, folder, 5)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[victim]), signal.SIGKILL)
    began = time.monotonic()
    _, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < 20
    assert process.returncode == 1
    assert err.count("[train-process-lost]") == 1
    assert Checkpoints(RunFolder(folder).checkpoints).latest() is not None


@pytest.mark.slow
def test_what_all_refuse_is_said_once(pictures, tmp_path):
    code, out, err = train(pictures, tmp_path / "run", batch_size=1)
    assert code != 0
    assert out == ""
    assert err.count("error: ") == 1
    assert "A batch of 1 images cannot be shared by 2 processes." in err


@pytest.mark.slow
def test_given_weights_are_tuned_by_two(trained, pictures, tmp_path):
    code, _, err = train(
        pictures, tmp_path / "run", weights=trained.files.model, tune="gradual", epochs=4
    )
    assert code == 0, err
    assert "is computed once" in err
    assert open_run(tmp_path / "run").report.metrics["accuracy"].n == 6

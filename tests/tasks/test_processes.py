"""Which of several processes this is, and who speaks."""

import pytest
import torch

from striate.cli import run
from striate.errors import TrainingError, UsageError
from striate.tasks.processes import is_first, joined, launched, speaks


@pytest.fixture
def second_of_two(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)


def test_without_torchrun_there_is_one(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some clusters set it
    assert launched() == 1
    assert is_first()
    with joined(torch.device("cpu")) as ranks:
        assert ranks is None


def test_the_second_is_silent_but_when_another_is_lost(second_of_two):
    assert (launched(), is_first()) == (2, False)
    assert not speaks(TrainingError("train-non-finite", "…"))
    assert not speaks(TrainingError("train-process-failed", "the first tells"))
    assert speaks(TrainingError("train-process-lost", "…"))


def test_only_train_is_shared(second_of_two, monkeypatch, capsys):
    assert run(["zoo"]) == 2
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    assert run(["zoo"]) == 2
    assert "only train is shared by several" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_every_process_needs_a_gpu_of_its_own(second_of_two, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match=r"2 processes on cuda.*and 1 are here") as caught:
        joined(torch.device(device)).__enter__()
    assert caught.value.code == "train-processes-gpus"

"""Devices, mixed precision and the arithmetic of training."""

import pytest
import torch

from striate.errors import UsageError
from striate.training import choose_amp, choose_device, differences, fingerprint
from striate.training.device import training_arithmetic

CPU = torch.device("cpu")


def test_the_cpu_is_always_there():
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gpu", "torch knows no such device"),
        ("cuda:99", "torch sees .* CUDA devices here"),
        ("meta", "training runs on cpu, cuda and mps"),
    ],
)
def test_a_device_that_is_not_there_is_told(name, why):
    with pytest.raises(UsageError, match=why) as caught:
        choose_device(name)
    assert caught.value.code == "train-no-device"


def test_mixed_precision_is_for_gpus():
    assert choose_amp("auto", CPU) is None
    assert choose_amp("off", CPU) is None
    for amp in ("bf16", "fp16"):
        with pytest.raises(UsageError, match=f"amp is {amp} and the device is cpu"):
            choose_amp(amp, CPU)


def zeros(numbers: torch.Tensor) -> float:
    """The share of zeros, seen bit by bit."""
    return (numbers.view(torch.int32) == 0).float().mean().item()


@pytest.mark.parametrize("threads", [1, 2])
def test_denormals_are_zero_in_every_thread_and_only_inside(threads):
    torch.set_num_threads(threads)
    tiny = torch.full((1_000_000,), 1e-39)
    assert zeros(tiny * 1.0) == 0
    with training_arithmetic(CPU):
        assert zeros(tiny * 1.0) == 1
    assert zeros(tiny * 1.0) == 0


def test_random_numbers_are_put_back():
    torch.manual_seed(1)
    found = torch.get_rng_state()
    with training_arithmetic(CPU):
        torch.manual_seed(2)
    assert torch.equal(torch.get_rng_state(), found)


def test_a_fingerprint_names_what_bits_depend_on():
    now = fingerprint(CPU)
    assert now["torch"] == torch.__version__
    assert now["threads"] == torch.get_num_threads()
    assert now["device"] == "cpu"
    assert differences(now, now) == []
    assert differences({**now, "threads": 64}, now) == [f"threads: 64 → {now['threads']}"]
    assert differences({}, {"torch": "3"}) == ["torch: ? → 3"]

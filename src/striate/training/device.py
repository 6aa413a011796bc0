"""Where training runs, and how its arithmetic is set up while it does."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import nn

from striate.errors import UsageError
from striate.memory import keep_freed_memory
from striate.training.recipe import Amp

HARD_PAUSE = 2  # omp_pause_hard of OpenMP 5.0: give the threads back
GRAIN = 32_768  # elements below which torch gives a thread nothing to do


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is a CUDA or Apple GPU where there is one, else the CPU.

    Raises:
        UsageError: torch knows no such device, or this machine has none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise _no_device(name, "torch knows no such device") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise _no_device(name, f"torch sees {torch.cuda.device_count()} CUDA devices here")
    if device.type == "mps" and not _has_mps():
        raise _no_device(name, "torch sees no Apple GPU here")
    if device.type not in ("cpu", "cuda", "mps"):
        raise _no_device(name, "training runs on cpu, cuda and mps")
    return device


def choose_amp(amp: Amp, device: torch.device) -> torch.dtype | None:
    """The type of mixed precision, or `None` for plain float32; `auto` is off unless on CUDA."""
    if device.type == "cuda":
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return {"auto": half, "off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]
    if amp in ("bf16", "fp16"):
        raise UsageError(
            "train-amp-needs-gpu",
            f"Mixed precision needs a CUDA GPU: amp is {amp} and the device is {device.type}.",
            "Use --amp off, or --device cuda on a machine that has one.",
        )
    return None


@contextmanager
def training_arithmetic(device: torch.device) -> Iterator[None]:
    """Inside the block: denormal numbers are zero, cuDNN repeats itself, random numbers are ours.

    Denormals slow convolutions 20 to 50 times. The processor's flag belongs to a thread, so the
    worker threads are renewed to inherit it; where that does not help the flag stays off, because
    a result must not depend on which thread computed which part. Everything is put back.
    """
    keep_freed_memory()
    devices = [device] if device.type == "cuda" else []
    found = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    was_flushing = _flushes(1)
    with torch.random.fork_rng(devices):
        if device.type == "cuda":
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        _flush_denormals(True)
        if not _flushes(GRAIN * torch.get_num_threads()):
            _flush_denormals(was_flushing)
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = found
            _flush_denormals(was_flushing)


def _flush_denormals(on: bool) -> None:
    """Set the flag in this thread, and end its OpenMP workers: the next ones inherit it."""
    torch.set_flush_denormal(on)
    with suppress(AttributeError, OSError, TypeError):  # no such function; no CDLL(None) on Windows
        ctypes.CDLL(None).omp_pause_resource_all(HARD_PAUSE)


def _flushes(size: int) -> bool:
    """Whether denormal numbers are zero in each thread that shares a tensor of this size."""
    tiny = torch.full((size,), 1e-30) * 1e-10
    return not tiny.view(torch.int32).any().item()  # bits: the flag also hides them from tests


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _no_device(name: str, why: str) -> UsageError:
    return UsageError(
        "train-no-device", f"Cannot train on device {name!r}: {why}.", "Use --device auto or cpu."
    )


def channels_last(network: nn.Module) -> None:
    """Lay out the kernels of images as everywhere, so that equal weights give equal bits.

    `network.to(memory_format=torch.channels_last)` would do, did it not refuse volumes.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=torch.channels_last)

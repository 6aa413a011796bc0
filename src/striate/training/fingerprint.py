"""What a bitwise-equal repetition depends on besides the recipe and the data."""

import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

import striate
from striate.training.kernel import compiler

Fingerprint = dict[str, str | int]


def fingerprint(device: torch.device, processes: int = 1) -> Fingerprint:
    """Versions, processor, threads and device: equal fingerprints promise equal bits."""
    return {
        "striate": striate.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "processes": processes,
        "compiler": compiler() or "none",
        "device": _device_name(device),
    }


def differences(old: Mapping[str, str | int], new: Mapping[str, str | int]) -> list[str]:
    """What differs, as `"threads: 2 → 1"`."""
    old, new = {"processes": 1, **old}, {"processes": 1, **new}  # as long as there was but one
    names = [*new, *(name for name in old if name not in new)]
    return [
        f"{name}: {old.get(name, '?')} → {new.get(name, '?')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "")


def _device_name(device: torch.device) -> str:
    if device.type != "cuda":
        return device.type
    return f"cuda {torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"

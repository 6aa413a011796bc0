"""Small programs in C, compiled on the machine they run on; where there is no compiler, none."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from striate.data.verdicts import default_cache

FLAGS = ("-O3", "-march=native", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math")
LIMIT = 60  # seconds
TELLING = ("model name", "flags", "Features", "CPU part")  # of a line of /proc/cpuinfo


@cache
def compiler() -> str | None:
    """The path of a C compiler: that of the environment's CC, else cc, gcc or clang."""
    names = (os.environ.get("CC", ""), "cc", "gcc", "clang")
    return next((path for name in names if name and (path := shutil.which(name))), None)


def compiled(source: Path, macros: Mapping[str, int]) -> ctypes.CDLL | None:
    """The library of a source with these macros, kept in the cache for machines like this one.

    `None` where there is no compiler, or where it cannot compile this: the caller has another way.
    """
    if (program := compiler()) is None:
        return None
    command = [program, *FLAGS, *(f"-D{name}={value}" for name, value in macros.items())]
    key = "\n".join([*command, _machine(), source.read_text()])
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    library = default_cache() / "kernels" / name
    try:
        if not library.exists():
            _compile([*command, str(source)], library)
        return ctypes.CDLL(str(library))
    except (OSError, subprocess.SubprocessError):
        return None


def _compile(command: list[str], library: Path) -> None:
    """By way of a file of its own, so that no other process ever loads half a library."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        subprocess.run([*command, "-o", made], check=True, capture_output=True, timeout=LIMIT)
        made.replace(library)


def _machine() -> str:
    """What the instructions of a library depend on: several machines may share one cache."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    told = sorted({line for line in lines if line.startswith(TELLING)})
    return "\n".join([platform.platform(), platform.processor(), *told])

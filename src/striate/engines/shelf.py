"""What was measured of a network on this machine, and the network converted, in the cache folder.

A folder for each network, known by its weights, its layers, the size of its images, the machine,
the number of threads and the versions of the engines. It only saves time: what cannot be written
is left out, and what is damaged is taken for absent.
"""

import hashlib
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from torch import nn

from striate.errors import StriateError
from striate.files import canonical_json, parse_json, sha256_of, write_atomic

FORMAT = 1
LIMIT = 2 * 10**9  # bytes of all converted networks together


@dataclass(frozen=True)
class Finding:
    """What was measured.

    Args:
        fastest: the engine's name; "torch" is the network itself.
        seconds: for an image, by engine.
        opening: seconds until the fastest, which is converted already, has answered first.
    """

    fastest: str
    seconds: Mapping[str, float]
    opening: float


@dataclass(frozen=True)
class Shelf:
    """The folder of one network."""

    folder: Path

    def finding(self) -> Finding | None:
        """What was measured earlier, if it was."""
        try:
            told = parse_json((self.folder / "finding.json").read_text(), "finding.json")
            if told.pop("format") != FORMAT:
                return None
            found = Finding(**told)
            return found if found.fastest in found.seconds and found.opening >= 0 else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StriateError):
            return None

    def remember(self, finding: Finding) -> None:
        """Keep what was measured."""
        text = canonical_json({"format": FORMAT, **asdict(finding)})
        try:
            write_atomic(self.folder / "finding.json", text)
        except StriateError:
            return

    def converted(self, engine: str, name: str) -> Path | None:
        """The file of a network converted for an engine, if it is there to the last bit."""
        folder = self.folder / engine
        try:
            sums = parse_json((folder / "sums.json").read_text(), "sums.json")
            if name not in sums or any(sha256_of(folder / file) != sums[file] for file in sums):
                return None
            os.utime(self.folder)  # the least recently used goes first
        except (OSError, TypeError, ValueError, StriateError):
            return None
        return folder / name

    def keep(self, engine: str, name: str, write: Callable[[Path], None]) -> Path:
        """Convert a network into a file of that name.

        Raises:
            OSError: the folder cannot be written.
            Exception: whatever the conversion raises; nothing is left behind then.
        """
        staged = self.folder / f".{secrets.token_hex(4)}.tmp"
        staged.mkdir(parents=True)
        try:
            write(staged / name)
            sums = {path.name: sha256_of(path) for path in staged.iterdir()}
            (staged / "sums.json").write_text(canonical_json(sums))
            shutil.rmtree(self.folder / engine, ignore_errors=True)
            staged.replace(self.folder / engine)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        make_room(self.folder)
        return self.folder / engine / name

    def leave(self, fastest: str) -> None:
        """Delete what was converted for other engines."""
        if self.folder.is_dir():
            for folder in self.folder.iterdir():
                if folder.is_dir() and folder.name != fastest:
                    shutil.rmtree(folder, ignore_errors=True)


def shelf_for(
    root: Path, network: nn.Module, shape: tuple[int, ...], engines: Mapping[str, str]
) -> Shelf:
    """The shelf of a network.

    Args:
        shape: of an image.
        engines: the versions of those that are installed.
    """
    described = {
        "format": FORMAT,
        "layers": f"{type(network).__module__} {type(network).__qualname__} {network!r}",
        "outputs": list(getattr(network, "outputs", ())),
        "code": str(getattr(network, "code", "")),  # of a traced network
        "weights": digest(network),
        "shape": list(shape),
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "engines": {"torch": torch.__version__, **engines},
    }
    return Shelf(root / hashlib.sha256(canonical_json(described).encode()).hexdigest()[:32])


def digest(network: nn.Module) -> str:
    """SHA-256 of all weights and buffers, by name."""
    found = hashlib.sha256()
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        dense = tensor.detach().contiguous(memory_format=_layout(tensor))
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)} {dense.stride()}".encode())
        flat = torch.as_strided(dense, (dense.numel(),), (1,))
        found.update(flat.numpy().data)
    return found.hexdigest()


def _layout(tensor: torch.Tensor) -> torch.memory_format:
    wide = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if wide else torch.contiguous_format


@cache
def machine() -> str:
    """The processor, as far as the system tells."""
    told = ""
    if (table := Path("/proc/cpuinfo")).is_file():
        lines = table.read_text(errors="replace").splitlines()
        told = next((line for line in lines if line.startswith("model name")), "")
    return f"{platform.machine()} {platform.processor()} {told} {os.cpu_count()}"


def make_room(kept: Path) -> None:
    """Delete the least recently used networks until all fit below the limit, but not this one."""
    sizes: list[tuple[float, int, Path]] = []
    for folder in kept.parent.iterdir():
        try:
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            sizes.append((folder.stat().st_mtime, size, folder))
        except OSError:  # another process deleted it meanwhile
            continue
    total = sum(size for _, size, _ in sizes)
    for _, size, folder in sorted(sizes, key=lambda entry: entry[0]):
        if total <= LIMIT:
            return
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size

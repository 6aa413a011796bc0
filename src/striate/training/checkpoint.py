"""Checkpoints of a training: `step-00000123/` with tensors, plain state and a manifest.

The last two and the best are kept. A checkpoint is committed by renaming its folder, so at every
instant the newest one is either the old or the new; a changed bit in any file is found on load.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from striate.errors import FileError
from striate.files import canonical_json, parse_json
from striate.training.events import Notice, OnEvent, ignore
from striate.training.sealed import (
    damaged,
    remove_leftovers,
    remove_sealed,
    verify_sealed,
    write_sealed,
)

FORMAT = 1
TENSORS, STATE = "tensors.safetensors", "state.json"
NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class Checkpoint:
    """One verified checkpoint.

    Args:
        state: the plain values that were saved.
        best: the step of the best checkpoint so far; `None` before the first judgement.
    """

    path: Path
    step: int
    best: int | None
    state: dict[str, Any]

    def tensors(self, kind: str) -> dict[str, Tensor]:
        """The tensors saved under `kind/`, without that prefix; the others are not read."""
        with safe_open(self.path / TENSORS, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(f"{kind}/")]  # noqa: SIM118
            return {name.removeprefix(f"{kind}/"): file.get_tensor(name) for name in names}


class Checkpoints:
    """The checkpoints of one training, in one folder. Hold the run's lock while saving."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, oldest first, damaged ones included."""
        if not self.folder.is_dir():
            return []
        matches = (NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in matches if match)

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step is, or would be."""
        return self.folder / f"step-{step:08d}"

    def save(
        self,
        step: int,
        tensors: Mapping[str, Tensor],
        state: Mapping[str, Any],
        best: int | None = None,
    ) -> Path:
        """Write a checkpoint, then remove all but the last two and their best.

        Args:
            tensors: named `kind/name`.
            state: plain values, in JSON.
            best: the step of the best checkpoint so far, which may be this one.
        Raises:
            FileError: `checkpoint-cannot-write`; the checkpoints before it are whole.
        """
        path = self.path(step)
        document = {"format": FORMAT, "step": step, "best": best, "state": state}
        apart = _apart(tensors)
        size = sum(tensor.nbytes for tensor in apart.values())
        writers = {
            TENSORS: lambda file: save_file(apart, file),
            STATE: lambda file: file.write_text(canonical_json(document)),
        }
        try:
            write_sealed(path, writers)
            self._prune()
        except (OSError, SafetensorError) as error:
            raise self._cannot_write(path, size, error) from error
        return path

    def load(self, step: int) -> Checkpoint:
        """The checkpoint of a step, after reading and comparing every byte of it.

        Raises:
            FileError: `checkpoint-damaged`, or `checkpoint-too-new` for a later format.
        """
        path = self.path(step)
        verify_sealed(path)
        document = parse_json((path / STATE).read_text(), str(path / STATE))
        if document["format"] != FORMAT:
            raise FileError(
                "checkpoint-too-new",
                f"{path} has format {document['format']}; this version reads format {FORMAT}.",
                "Resume with the version of Striate that wrote it.",
            )
        if document["step"] != step:
            raise damaged(path / STATE, f"it is of step {document['step']}")
        return Checkpoint(path, step, document["best"], document["state"])

    def latest(self, on_event: OnEvent = ignore) -> Checkpoint | None:
        """The newest checkpoint that is whole; `None` when there is none at all.

        A damaged one is told as a `Notice` and passed over.

        Raises:
            FileError: there are checkpoints, and every one is damaged.
        """
        first: FileError | None = None
        for step in reversed(self.steps()):
            try:
                return self.load(step)
            except FileError as error:
                if error.code != "checkpoint-damaged":
                    raise
                first = first or error
                sentence = f"{error.what} The checkpoint before it is tried."
                on_event(Notice("warning", error.code, sentence))
        if first:
            raise first
        return None

    def prepare(self, after: int) -> None:
        """Remove what a crash left, and every checkpoint after the step training goes on from."""
        remove_leftovers(self.folder)
        for step in self.steps():
            if step > after:
                remove_sealed(self.path(step))

    def _prune(self) -> None:
        last = self.steps()[-2:]
        kept = {*last, *(self._best_of(step) for step in last)}
        for step in self.steps():
            if step not in kept:
                remove_sealed(self.path(step))

    def _best_of(self, step: int) -> int | None:
        try:
            return parse_json((self.path(step) / STATE).read_text(), "")["best"]
        except (OSError, FileError, UnicodeDecodeError, KeyError, TypeError):
            return None  # damaged: it protects no other

    def _cannot_write(self, path: Path, size: int, error: Exception) -> FileError:
        free = shutil.disk_usage(self.folder if self.folder.is_dir() else "/").free
        reason = getattr(error, "strerror", None) or error
        before = [str(self.path(step)) for step in self.steps() if step != self._step_of(path)]
        return FileError(
            "checkpoint-cannot-write",
            f"Cannot write the checkpoint {path} ({size:,} bytes; "
            f"{free:,} are free on its disk): {reason}.",
            f"{before[-1]} is whole: free some space, then --resume."
            if before
            else "Free some space or choose another folder with --output-dir.",
        )

    def _step_of(self, path: Path) -> int:
        return int(path.name.removeprefix("step-"))


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, contiguous, and no two in the same memory, as the file format wants them."""
    apart: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        address = plain.untyped_storage().data_ptr()
        apart[name] = plain.clone() if address in seen else plain
        seen.add(address)
    return apart

"""Pictures that a person names, read in batches; what cannot be read is listed, not fatal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os import PathLike, cpu_count
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from striate.data import Preprocessing, open_files
from striate.errors import DataError, UsageError
from striate.predictions import Unreadable

Picture: TypeAlias = str | PathLike[str] | bytes | Image.Image


def is_picture(value: Any) -> bool:
    """Whether it names or is one picture (or a folder or glob of them)."""
    return isinstance(value, str | PathLike | bytes | Image.Image)


@dataclass
class Reading:
    """Pictures on their way to the network. `ids` and `unreadable` grow as `batches` is read."""

    sources: Sequence[tuple[str, Any]]  # (id, path, bytes or Pillow image)
    preprocessing: Preprocessing
    batch_size: int
    on_progress: Callable[[int, int], None] | None = None
    found: list[str] = field(default_factory=list)
    refused: list[Unreadable] = field(default_factory=list)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.found)

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        return tuple(self.refused)

    def batches(self) -> Iterator[Tensor]:
        """Input tensors [N, C, H, W] of the readable pictures, in order."""
        waiting: list[np.ndarray] = []
        with ThreadPoolExecutor(cpu_count() or 1) as pool:
            for start in range(0, len(self.sources), self.batch_size):
                chunk = self.sources[start : start + self.batch_size]
                for (name, _), canvas in zip(chunk, pool.map(self._canvas, chunk), strict=True):
                    if isinstance(canvas, Unreadable):
                        self.refused.append(canvas)
                        continue
                    self.found.append(name)
                    waiting.append(canvas)
                    if len(waiting) == self.batch_size:
                        yield self._batch(waiting)
                        waiting = []
                if self.on_progress is not None:
                    self.on_progress(start + len(chunk), len(self.sources))
        if waiting:
            yield self._batch(waiting)

    def _canvas(self, source: tuple[str, Any]) -> np.ndarray | Unreadable:
        name, content = source
        try:
            if isinstance(content, PathLike):
                with open(content, "rb") as file:  # noqa: PTH123  any PathLike
                    content = file.read()
            return self.preprocessing.to_canvas(content, where=name)
        except DataError as error:
            detail = str(error).removeprefix(f"{name}: ")
            return Unreadable(
                name, error.code.removeprefix("data-"), detail[:1].upper() + detail[1:]
            )
        except OSError as error:
            return Unreadable(name, "cannot-read", error.strerror or str(error))

    def _batch(self, canvases: list[np.ndarray]) -> Tensor:
        stacked = torch.from_numpy(np.stack(canvases))
        return self.preprocessing.normalise(self.preprocessing.centre(stacked))


def needed_preprocessing(preprocessing: Preprocessing | None) -> Preprocessing:
    """How a model reads pictures.

    Raises:
        DataError: it was trained on arrays and does not know.
    """
    if preprocessing is None:
        raise DataError(
            "model-no-preprocessing",
            "This model was trained on arrays and does not know how to read a picture.",
            "Give it one: model.preprocessing = st.Preprocessing(size=…, channels=…).",
        )
    return preprocessing


def read_pictures(
    pictures: Any,
    preprocessing: Preprocessing,
    batch_size: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Reading:
    """Prepare to read pictures: paths, folders, globs, bytes, Pillow images, or several of these.

    Raises:
        UsageError: it is nothing of the kind.
        DataError: nothing was found.
    """
    given = [pictures] if is_picture(pictures) else _listed(pictures)
    sources: list[tuple[str, Any]] = []
    missing: list[Unreadable] = []
    for number, one in enumerate(given):
        if isinstance(one, bytes | Image.Image):
            sources.append((getattr(one, "filename", "") or f"image {number}", one))
            continue
        opened = open_files(one)
        sources += [(name, opened.images.path(row)) for row, name in enumerate(opened.ids)]
        missing += [
            Unreadable(file.path, file.reason, file.detail)
            for file in opened.skipped
            if file.reason == "missing-file"
        ]
    if not sources and not missing:
        raise DataError(
            "data-no-images",
            f"There is no file in {', '.join(map(str, given[:3])) or 'an empty list'}.",
            "Name image files, a folder of them, or a glob in quotes.",
        )
    return Reading(sources, preprocessing, batch_size, on_progress, refused=missing)


def _listed(pictures: Any) -> list[Any]:
    found = list(pictures) if isinstance(pictures, Iterable) else [pictures]
    for one in found:
        if not is_picture(one):
            raise UsageError(
                "usage-picture",
                f"A path, bytes or a Pillow image is needed, got {type(one).__name__}.",
            )
    return found

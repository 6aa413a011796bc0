"""Files of weights that others wrote: told apart by how they begin, read without running code."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from striate.errors import FileError, StriateError
from striate.zoo.foreign._keras_files import WEIGHTS, read_keras_archive, read_keras_weights

HDF5, ZIP, PICKLE = b"\x89HDF", b"PK\x03\x04", b"\x80"
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training programs keep the weights


def read_foreign(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by the names of those who wrote it; from Keras "layer.kernel".

    It may be safetensors; what `torch.save` wrote, a state dict or a checkpoint around one; or
    Keras's .h5, .weights.h5 and .keras. The suffix does not matter. The dtypes are the file's.

    Raises:
        FileError: it is missing, empty, damaged, of no such format, or would run code.
        UsageError: a file of Keras, and h5py is not installed.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise FileError(
            "zoo-file-cannot-read", f"Cannot read {path}: {error.strerror}.", "Check the path."
        ) from error
    try:
        return _read(path, start)
    except StriateError:
        raise
    except pickle.UnpicklingError as error:
        raise _no_state_dict(path, str(error)) from error
    except Exception as error:  # whatever a parser says of bytes it cannot follow
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            "zoo-file-damaged",
            f"{path} is damaged or cut off: {said}.",
            "Fetch it again, and compare its size and checksum with the publisher's.",
        ) from error


def _read(path: Path, start: bytes) -> dict[str, Tensor]:
    if not start:
        raise FileError("zoo-file-empty", f"{path} is empty.", "Fetch it again.")
    if start.startswith(HDF5):
        return read_keras_weights(path)
    if start.startswith(ZIP):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return read_keras_archive(path) if WEIGHTS in names else _torch_tensors(path)
    if start[4:9] == b"\0\0\0\0{":  # after the length of the header, which can begin like a pickle
        return load_file(path)
    if start.startswith(PICKLE):
        return _torch_tensors(path)
    raise FileError(
        "zoo-file-unknown",
        f"{path} holds no weights that can be read here: it begins with {start[:8]!r}.",
        "Known are safetensors, state dicts of torch, and Keras's .h5, .weights.h5 and .keras.",
    )


def _torch_tensors(path: Path) -> dict[str, Tensor]:
    found: Any = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(found, Mapping) and (inner := _wrapped(found)) is not None:
        found = inner
    named = found.items() if isinstance(found, Mapping) else ()
    tensors = {str(k): v.detach() for k, v in named if isinstance(v, Tensor)}
    if not tensors:
        raise _no_state_dict(path, f"it holds a {type(found).__name__} without tensors by name")
    return tensors


def _wrapped(found: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    inside = (found.get(key) for key in WRAPPERS)
    return next((each for each in inside if isinstance(each, Mapping)), None)


def _no_state_dict(path: Path, reason: str) -> FileError:
    reason = reason.splitlines()[0].rstrip(".") if reason else "it is no pickle of tensors"
    return FileError(
        "zoo-file-no-state-dict",
        f"{path} is not a plain state dict, and nothing in it was run: {reason}.",
        "Where it was made, save the tensors alone: "
        "torch.save(network.state_dict(), 'weights.pth').",
    )

"""The model file: one safetensors file whose header holds a JSON card and a checksum of every byte.

The checksum is the SHA-256 of the whole file with the 64 digits of the checksum itself replaced
by zeros, so no bit of the file, header included, can change unnoticed. Nothing in the file is
code, an import name, a path or a URL, and no pickle is ever read.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise
from torch import Tensor

from striate.errors import FileError
from striate.files import canonical_json, parse_json, write_atomic

FORMAT = 1
_CARD, _DIGEST = "striate", "striate.sha256"
_MARK = f'"{_DIGEST}":"'.encode()
_BLANK = b"0" * 64
_FOREIGN = {  # how the files of other programs begin
    b"PK\x03\x04": "a zip archive, as torch.save and Keras write them",
    b"\x80\x02": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\x89HDF": "an HDF5 file, as older Keras writes them",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
}


def model_card(
    *,
    architecture: Mapping[str, Any],
    task: str = "single_label",
    classes: Sequence[str] = (),
    preprocessing: Mapping[str, Any] | None = None,
    temperature: float = 1.0,
    target_scale: tuple[float, float] = (0.0, 1.0),
    compiled: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that a model file says besides its tensors.

    Args:
        architecture: the layers, or the name and arguments in the zoo; see `architecture_card`.
        temperature: divides the logits, so that probabilities are calibrated.
        target_scale: mean and deviation that a regression's outputs are scaled back with.
        compiled: optimizer, loss and metrics, where the model was compiled.
        provenance: where the weights come from.
    """
    return {
        "architecture": dict(architecture),
        "task": task,
        "classes": list(classes),
        "preprocessing": preprocessing,
        "temperature": temperature,
        "target_scale": list(target_scale),
        "compiled": compiled,
        "provenance": dict(provenance or {}),
    }


def write_model_file(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write tensors and their card whole or not at all.

    Raises:
        FileError: the disk is full or the folder cannot be written; an old file is untouched.
    """
    metadata = {_CARD: canonical_json({"format": FORMAT, **card}), _DIGEST: _BLANK.decode()}
    plain = {  # copies: what shares memory here is written once for each name
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    content = serialise(plain, metadata)
    at = content.index(_MARK) + len(_MARK)
    digest = hashlib.sha256(content).hexdigest().encode()
    write_atomic(path, content[:at] + digest + content[at + 64 :])


def read_model_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The card and the tensors of a model file, after checking every byte of it.

    Raises:
        FileError: there is no such file, or it is truncated, damaged, written by a newer
            version or by another program, or is a pickle. Each has a code of its own.
    """
    content = _content(path)
    header = _header(path, content)
    card, digest = _card(path, header)
    _check_digest(path, content, digest)
    if card.get("format") != FORMAT:
        raise FileError(
            "model-newer",
            f"{path} has model format {card.get('format')}; this version of Striate reads "
            f"format {FORMAT}.",
            "Update Striate to read it: pip install --upgrade striate",
        )
    try:
        return card, parse_tensors(content)
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise FileError(
            "model-is-folder",
            f"{path} is a folder, not a model file.",
            f"A run folder keeps its model in {path / 'model.safetensors'}.",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(
            "model-cannot-read",
            f"Cannot read the model file {path}: {error.strerror}.",
            "Training writes it as model.safetensors in the run folder.",
        ) from error


def _header(path: Path, content: bytes) -> dict[str, Any]:
    is_safetensors = content[5:9] == b"\0\0\0{"  # after a header's length, such as 0x0580
    for start, kind in _FOREIGN.items():
        if content.startswith(start) and not is_safetensors:
            raise FileError(
                "model-pickle" if "pickle" in kind or "zip" in kind else "model-foreign",
                f"{path} is {kind}, not a Striate model file.",
                "Such files can run code when opened, so Striate never does. Load the weights "
                "in the program that wrote them and save them as safetensors.",
            )
    if len(content) < 8:
        raise FileError(
            "model-truncated", f"{path} ends after {len(content)} bytes.", "Copy it again."
        )
    (length,) = struct.unpack("<Q", content[:8])
    if length > 100_000_000 or content[8:9] != b"{":
        raise FileError(
            "model-foreign",
            f"{path} is no safetensors file (or its first bytes are damaged).",
            "Striate reads model files that `Model.save` or `striate train` wrote.",
        )
    if 8 + length > len(content):
        raise FileError(
            "model-truncated",
            f"{path} is cut off: its header alone needs {8 + length:,} bytes and the file has "
            f"{len(content):,}.",
            "Copy it again.",
        )
    try:
        text = content[8 : 8 + length].decode()
    except UnicodeDecodeError as error:
        raise _damaged(path, str(error)) from error
    header = parse_json(text, str(path))
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no JSON object")
    _check_length(path, header, len(content) - 8 - length)
    return header


def _check_length(path: Path, header: dict[str, Any], present: int) -> None:
    """The tensors must fill the rest of the file exactly."""
    try:
        ends = [int(entry["data_offsets"][1]) for key, entry in header.items() if key[:2] != "__"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _damaged(path, "its header does not describe tensors") from error
    if (needed := max(ends, default=0)) > present:
        raise FileError(
            "model-truncated",
            f"{path} is cut off: its tensors need {needed:,} bytes and {present:,} are there.",
            "Copy it again.",
        )


def _card(path: Path, header: dict[str, Any]) -> tuple[dict[str, Any], str]:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or _CARD not in metadata or _DIGEST not in metadata:
        raise FileError(
            "model-foreign",
            f"{path} is a safetensors file that Striate did not write: it has weights but no "
            "architecture, preprocessing or classes.",
            "Build the network and load the weights with torch, then wrap it: st.Model(network).",
        )
    card = parse_json(str(metadata[_CARD]), f"the card in {path}")
    if not isinstance(card, dict):
        raise _damaged(path, "its card is no JSON object")
    return card, str(metadata[_DIGEST])


def _check_digest(path: Path, content: bytes, digest: str) -> None:
    if content.count(_MARK) != 1:
        raise _damaged(path, "its checksum is not where it should be")
    at = content.index(_MARK) + len(_MARK)
    hasher = hashlib.sha256(content[:at])
    hasher.update(_BLANK)
    hasher.update(memoryview(content)[at + 64 :])
    if hasher.hexdigest() != digest:
        raise _damaged(path, "its bytes do not match their SHA-256 checksum")


def _damaged(path: Path, why: str) -> FileError:
    return FileError(
        "model-damaged",
        f"{path} is damaged: {why}.",
        "Copy it again from where it came, or train again with the recipe.yaml beside it.",
    )

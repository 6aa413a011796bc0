"""The model file: every changed bit is found, and every foreign file refused by its own name."""

import json
import pickle
import random
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from striate.errors import FileError
from striate.files import canonical_json
from striate.model_file import read_model_file, write_model_file

CARD = {"architecture": {"kind": "foreign", "class": "Né\u2028t"}, "classes": ["cat", "<img>"]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tensors = {"weight": torch.randn(13, 7), "steps": torch.tensor(3), "half": torch.ones(5).half()}
    write_model_file(tmp_path / "model.safetensors", tensors, CARD)
    return tmp_path / "model.safetensors"


def code_of(path: Path) -> str:
    with pytest.raises(FileError) as caught:
        read_model_file(path)
    assert str(path) in str(caught.value)
    return caught.value.code


def test_what_is_written_is_read_bitwise(path: Path) -> None:
    tensor = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    write_model_file(path, {"a": tensor, "b": tensor[:, 0]}, CARD)
    card, tensors = read_model_file(path)
    assert card == {"format": 1, **CARD}
    assert torch.equal(tensors["a"], tensor)
    assert torch.equal(tensors["b"], tensor[:, 0])


def test_weights_that_share_memory_are_written_each(path: Path) -> None:
    tied = torch.randn(3, 3)
    write_model_file(path, {"a": tied, "b": tied, "c": tied[:2]}, CARD)
    assert torch.equal(read_model_file(path)[1]["c"], tied[:2])


def test_every_single_bit_flip_is_refused(path: Path) -> None:
    content = path.read_bytes()
    header_bits = 8 * (8 + struct.unpack("<Q", content[:8])[0])
    draw = random.Random(0)
    everywhere = draw.sample(range(8 * len(content)), 500)
    for bit in [*everywhere, *draw.sample(range(header_bits), 500)]:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(flipped)
        with pytest.raises(FileError):
            read_model_file(path)


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert code_of(path) == "model-truncated"


def test_bytes_at_the_end_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    assert code_of(path) == "model-damaged"


def test_a_newer_format_says_so(path: Path) -> None:
    write_model_file(path, {"a": torch.zeros(1)}, {**CARD, "format": 2})
    assert code_of(path) == "model-newer"


def test_a_header_whose_length_begins_like_a_pickle_is_ours(path: Path) -> None:
    for letters in range(1200):
        write_model_file(path, {"a": torch.zeros(1)}, {**CARD, "note": "x" * letters})
        if path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x04", b"\x80\x05"):
            break
    else:
        pytest.fail("no length of the header began so")
    assert read_model_file(path)[0]["note"] == "x" * letters


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (Path("exploded"), "")


def test_a_pickle_is_refused_and_not_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path.write_bytes(pickle.dumps(Bomb()))
    assert code_of(path) == "model-pickle"
    torch.save({"weight": torch.zeros(2)}, path)
    assert code_of(path) == "model-pickle"
    assert not Path("exploded").exists()


def test_weights_of_another_program_are_refused(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path)
    assert code_of(path) == "model-foreign"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert code_of(path) == "model-foreign"
    path.write_bytes(b"just some text, longer than eight bytes")
    assert code_of(path) == "model-foreign"


def test_a_missing_file_and_a_folder_say_what_they_are(tmp_path: Path) -> None:
    assert code_of(tmp_path / "absent.safetensors") == "model-cannot-read"
    assert code_of(tmp_path) == "model-is-folder"


def hostile(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        hostile(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,-4]}}', bytes(4)),
        hostile(b'{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,4]}}' % (2**63 - 1), bytes(4)),
        hostile(b'{"a":1,"a":2}'),
        hostile(b"{" * 100_000),
        hostile(b"[]"),
        hostile(b'{"__metadata__":{"striate":"{}","striate.sha256":"00"}}'),
        hostile(b'{"__metadata__":{"striate":"[[","striate.sha256":"00"}}'),
        hostile(b"\xff\xfe\xfa{}"),
    ],
    ids=["length", "negative", "overflow", "twice", "deep", "list", "digest", "card", "encoding"],
)  # fmt: skip
def test_hostile_headers_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FileError):
        read_model_file(path)


def test_an_old_file_survives_a_failed_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="No space left on device") as caught:
        write_model_file(path, {"a": torch.zeros(9)}, CARD)
    assert caught.value.code == "file-cannot-write"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_card_is_plain_json(path: Path) -> None:
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    assert canonical_json({"format": 1, **CARD}) == header["__metadata__"]["striate"]

"""Checkpoints: nothing changed goes unnoticed, nothing committed is lost."""

import builtins
import contextlib
import io
import json
import os
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from small_training import assert_same_weights, small_fit, small_network, small_recipe
from striate.errors import FileError
from striate.training import Checkpoints, Notice

TENSORS = {"network/weight": torch.arange(6.0).reshape(2, 3), "ema/weight": torch.ones(2, 3)}


def save(checkpoints: Checkpoints, step: int, best: int | None = None) -> Path:
    return checkpoints.save(step, TENSORS, {"note": step}, best)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_what_is_saved_is_loaded(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    path = save(checkpoints, 7)
    loaded = checkpoints.latest()
    assert path.name == "step-00000007"
    assert (loaded.step, loaded.state, loaded.best) == (7, {"note": 7}, None)
    assert torch.equal(loaded.tensors("network")["weight"], TENSORS["network/weight"])
    assert list(loaded.tensors("ema")) == ["weight"]


def test_tied_empty_and_odd_tensors_survive(tmp_path):
    tied = torch.randn(4, 3)
    tensors = {
        "network/a": tied,
        "network/b": tied,
        "network/view": tied[1:],
        "network/empty": torch.empty(0, 3),
        "network/count": torch.tensor(5),
        "network/flags": torch.tensor([True, False]),
        "network/half": torch.ones(2, dtype=torch.bfloat16),
        "network/last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
    }
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tensors, {})
    loaded = checkpoints.latest().tensors("network")
    for name, tensor in tensors.items():
        there = loaded[name.removeprefix("network/")]
        assert torch.equal(there, tensor), name
        assert there.dtype == tensor.dtype


def test_the_last_two_and_the_best_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step, best in [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (6, 3)]:
        save(checkpoints, step, best)
    assert checkpoints.steps() == [3, 5, 6]
    save(checkpoints, 7, best=7)
    assert checkpoints.steps() == [3, 6, 7]  # 6 goes back to 3, should 7 be damaged
    save(checkpoints, 8, best=7)
    assert checkpoints.steps() == [7, 8]


def test_the_newest_is_known_by_its_step_not_by_its_time(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    old, new = save(checkpoints, 99_999_999), save(checkpoints, 100_000_000)
    os.utime(old, (2e9, 2e9))
    os.utime(new, (1, 1))
    assert checkpoints.latest().step == 100_000_000


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A checkpoint of a real, short training."""
    folder = tmp_path_factory.mktemp("real")
    small_fit(small_network(), small_recipe(epochs=1, ema=0.9), checkpoints=Checkpoints(folder))
    return folder


def test_every_flipped_bit_is_found(real):
    """300 random bits of any file, and every third bit of the manifest, which guards the others."""
    checkpoints = Checkpoints(real)
    (step,) = checkpoints.steps()
    files = {path: path.read_bytes() for path in files_of(checkpoints.path(step))}
    assert [path.name for path in files] == ["MANIFEST.json", "state.json", "tensors.safetensors"]
    draw = random.Random(0)
    flips = [(draw.choice(list(files)), None) for _ in range(300)]
    manifest = checkpoints.path(step) / "MANIFEST.json"
    flips += [(manifest, bit) for bit in range(0, 8 * len(files[manifest]), 3)]
    for path, bit in flips:
        content = bytearray(files[path])
        bit = draw.randrange(8 * len(content)) if bit is None else bit
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(FileError) as caught:
            checkpoints.latest()
        assert caught.value.code == "checkpoint-damaged", (path.name, bit)
        assert str(checkpoints.path(step)) in caught.value.what
        if path != manifest:
            assert str(path) in caught.value.what
        path.write_bytes(files[path])
    assert checkpoints.latest().step == step


@pytest.mark.parametrize("name", ["MANIFEST.json", "state.json", "tensors.safetensors"])
def test_a_shorter_longer_missing_or_extra_file_is_found(real, tmp_path, name):
    checkpoints = Checkpoints(real)
    path = checkpoints.path(checkpoints.steps()[0]) / name
    content = path.read_bytes()
    lengths = range(0, len(content), max(len(content) // 20, 1))
    faults = [
        *(lambda keep=keep: path.write_bytes(content[:keep]) for keep in lengths),
        lambda: path.write_bytes(content + b" "),
        path.unlink,
        lambda: path.with_name("more").write_bytes(b""),
    ]
    for fault in faults:
        fault()
        with pytest.raises(FileError) as caught:
            checkpoints.latest()
        assert caught.value.code == "checkpoint-damaged"
        path.with_name("more").unlink(missing_ok=True)
        path.write_bytes(content)


def test_a_file_of_another_checkpoint_is_found(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    one, two = save(checkpoints, 1), save(checkpoints, 2)
    (two / "state.json").write_bytes((one / "state.json").read_bytes())
    with pytest.raises(FileError, match=r"step-00000002/state\.json is damaged"):
        checkpoints.load(2)


def test_a_checkpoint_under_another_step_is_found(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1).rename(checkpoints.path(2))
    with pytest.raises(FileError, match="it is of step 1"):
        checkpoints.load(2)


def test_a_damaged_newest_gives_way_to_the_one_before_and_is_told(tmp_path):
    checkpoints, told = Checkpoints(tmp_path), []
    save(checkpoints, 1)
    (save(checkpoints, 2) / "tensors.safetensors").write_bytes(b"")
    assert checkpoints.latest(told.append).step == 1
    (notice,) = told
    assert isinstance(notice, Notice)
    assert (notice.level, notice.code) == ("warning", "checkpoint-damaged")
    assert "step-00000002/tensors.safetensors" in notice.sentence


def test_a_newer_format_is_refused_by_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("striate.training.checkpoint.FORMAT", 2)
    save(Checkpoints(tmp_path), 1)
    monkeypatch.undo()
    with pytest.raises(FileError, match="has format 2; this version reads format 1") as caught:
        Checkpoints(tmp_path).latest()
    assert caught.value.code == "checkpoint-too-new"


class Crash(BaseException):
    """The process dies here; BaseException, so that no handler mends it."""


class Countdown:
    """Raises at the k-th of the calls that reach the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fatal: int, error: BaseException) -> None:
        self.calls, self.fatal, self.error = 0, fatal, error
        targets = [(os, "fsync"), (os, "rename"), (os, "open"), (os, "mkdir"), (os, "rmdir")]
        targets += [(os, "unlink"), (io, "open"), (builtins, "open"), (os, "close")]
        for module, name in targets:
            monkeypatch.setattr(module, name, self.counted(getattr(module, name)))
        monkeypatch.setattr("striate.training.checkpoint.save_file", self.counted(save_file))

    def counted(self, function):
        def call(*arguments, **options):
            self.calls += 1
            if self.calls == self.fatal:
                raise self.error
            return function(*arguments, **options)

        return call


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [Crash(), FULL], ids=["crash", "full"])
def test_a_crash_at_any_call_of_saving_leaves_the_old_or_the_new(tmp_path, error):
    fatal, finished = 0, False
    while not finished:
        fatal += 1
        checkpoints = Checkpoints(tmp_path / str(fatal))
        save(checkpoints, 1, best=1)
        save(checkpoints, 2, best=1)
        save(checkpoints, 3, best=3)
        with pytest.MonkeyPatch.context() as monkeypatch:
            countdown = Countdown(monkeypatch, fatal, error)
            with contextlib.suppress(Crash, FileError, OSError):
                save(checkpoints, 4, best=3)
        finished = countdown.calls < fatal
        told = []
        latest = checkpoints.latest(told.append)
        assert latest.step in (3, 4), fatal
        assert not told
        assert torch.equal(latest.tensors("network")["weight"], TENSORS["network/weight"])
        checkpoints.prepare(after=latest.step)
        names = {path.name for path in checkpoints.folder.iterdir()}
        assert names <= {f"step-0000000{n}" for n in (1, 2, 3, 4)}, names  # no leftovers
        for step in checkpoints.steps():
            checkpoints.load(step)  # none is half there
    assert fatal > 15


def test_a_full_disk_is_told_with_path_bytes_and_what_is_still_whole(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("striate.training.checkpoint.save_file", full)
    with pytest.raises(FileError) as caught:
        save(checkpoints, 2)
    error = caught.value
    assert error.code == "checkpoint-cannot-write"
    assert str(checkpoints.path(2)) in error.what
    assert "(48 bytes; " in error.what
    assert "are free on its disk): No space left on device" in error.what
    assert error.fix == f"{checkpoints.path(1)} is whole: free some space, then --resume."
    assert checkpoints.latest().step == 1


def test_state_is_plain_json_and_tensors_are_safetensors(real):
    path = Checkpoints(real).path(Checkpoints(real).steps()[0])
    state = json.loads((path / "state.json").read_text())
    assert state["format"] == 1
    assert (path / "tensors.safetensors").read_bytes()[8:9] == b"{"


def test_resume_goes_back_to_a_whole_checkpoint_and_ends_the_same(tmp_path):
    whole, broken = small_network(), small_network()
    small_fit(whole)
    checkpoints = Checkpoints(tmp_path)
    small_fit(broken, small_recipe(checkpoint_steps=4), checkpoints=checkpoints)
    newest = checkpoints.path(checkpoints.steps()[-1]) / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    resumed, told = small_network(), []
    small_fit(
        resumed, small_recipe(checkpoint_steps=4), checkpoints=checkpoints, resume=True,
        on_event=told.append,
    )  # fmt: skip
    assert [e.code for e in told if isinstance(e, Notice)] == ["checkpoint-damaged"]
    assert_same_weights(resumed, whole)

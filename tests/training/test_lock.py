"""One training per folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from striate.errors import FileError, RunError
from striate.training import RunLock

HOLDER = """
import sys, time
from pathlib import Path
from striate.training.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    source = str(Path(__file__).parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": source},
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_training_is_refused_and_the_first_named_until_it_is_killed(tmp_path, holder):
    with pytest.raises(RunError) as caught, RunLock(tmp_path):
        pass
    assert caught.value.code == "run-in-use"
    assert f"{tmp_path} is in use: process {holder.pid} is training there." == caught.value.what
    holder.kill()
    holder.wait()
    with RunLock(tmp_path):
        pass


def test_a_second_lock_in_the_same_process_is_refused(tmp_path):
    with RunLock(tmp_path):
        with (
            pytest.raises(RunError, match=f"process {os.getpid()} is training there"),
            RunLock(tmp_path),
        ):
            pass
        assert (tmp_path / "run.pid").exists()
    with RunLock(tmp_path / "new"):
        pass
    with RunLock(tmp_path):
        pass


def test_a_holder_that_cannot_be_read_is_another_process(tmp_path):
    with RunLock(tmp_path):
        (tmp_path / "run.pid").write_text("{")
        with (
            pytest.raises(RunError, match="in use: another process is training"),
            RunLock(tmp_path),
        ):
            pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="Cannot write"), RunLock(tmp_path / "file" / "run"):
        pass

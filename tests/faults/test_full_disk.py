"""A disk that fills up while a checkpoint is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from striate.training import Checkpoints

TESTS = Path(__file__).parents[1]
SCRIPT = """
import resource, sys
from pathlib import Path
from small_training import small_fit, small_network, small_recipe
from striate.training import CheckpointSaved, Checkpoints

def limit(event):  # after the first checkpoint no file may be longer than 6,000 bytes
    if isinstance(event, CheckpointSaved):
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))

try:
    small_fit(
        small_network(), small_recipe(), checkpoints=Checkpoints(Path(sys.argv[1])), on_event=limit
    )
except Exception as error:
    print(error.code, error.what, error.fix, sep="\\n")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_the_checkpoint_before_stays_and_the_error_says_what_is_missing(tmp_path):
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    code, what, fix = done.stdout.splitlines()
    assert code == "checkpoint-cannot-write"
    assert f"{tmp_path}/step-00000012 (" in what
    assert "bytes; " in what
    assert "are free on its disk): " in what
    assert "File too large" in what
    assert fix == f"{tmp_path}/step-00000006 is whole: free some space, then --resume."
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000006"]
    assert Checkpoints(tmp_path).latest().step == 6

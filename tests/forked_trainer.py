"""A process that trains in children which it kills when told: see `faults/train_and_die.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


class Trainer:
    """The process of a script in `faults/`; a context manager."""

    def __init__(self, script: str, **environment: str) -> None:
        path = f"{TESTS}{os.pathsep}{TESTS / 'faults'}{os.pathsep}{TESTS.parent / 'src'}"
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "faults" / script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path, **environment},
        )  # fmt: skip
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def train(self, folder: Path, every=7, kill_after=-1.0, number="SIGKILL") -> dict:
        """Train in a folder, resuming what is there; the exit status and what the child wrote."""
        folder.mkdir(exist_ok=True)
        print("train", folder, every, kill_after, number, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

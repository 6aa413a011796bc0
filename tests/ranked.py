"""Several ranks at once: children of a process that has imported torch, one rank each."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent
PATIENCE = 100.0  # seconds for all ranks to end


class Forker:
    """The process of `training/ranks_and_die.py`; a context manager."""

    def __init__(self) -> None:
        path = os.pathsep.join(map(str, (TESTS, TESTS / "training", TESTS.parent / "src")))
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "training" / "ranks_and_die.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> "Forker":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def run(self, job: str, ranks: int = 2, **options: object) -> list[dict]:
        """What each rank answered: its `status`, negative for a signal, and what the job gave."""
        with tempfile.TemporaryDirectory() as folder:
            order = {"job": job, "ranks": ranks, "folder": folder, "options": options}
            print(json.dumps(order), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())


KILLED = -signal.SIGKILL

"""Processes are measured with all that they start."""

import os
import sys
import time
from pathlib import Path

import pytest
from benchmarks.process_tree import run_measured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
MIB = 2**20


def ran(code: str, tmp_path, limit: float = 30):
    variables = {"PATH": os.environ["PATH"]}
    command = [sys.executable, "-S", "-c", code]
    return run_measured(command, folder=tmp_path, variables=variables, limit=limit)


def test_what_is_printed_and_how_it_ends(tmp_path):
    found = ran("import sys; print('said'); sys.stderr.write('complained'); sys.exit(3)", tmp_path)
    assert (found.output, found.errors, found.code) == ("said\n", "complained", 3)


def test_the_time_and_memory_of_a_child_count(tmp_path):
    child = f"import time; kept = b'x' * (150 * {MIB}); time.sleep(0.5); [0 for _ in range(10**7)]"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    found = ran(code, tmp_path)
    assert found.code == 0
    assert 150 < found.memory < 300
    assert found.wall > 0.5
    assert found.cpu > 0.1


def test_who_is_late_is_ended_with_its_children(tmp_path):
    number = tmp_path / "number"
    child = f"import os, time; open({str(number)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    started = time.monotonic()
    found = ran(code, tmp_path, limit=2)
    assert found.code is None
    assert time.monotonic() - started < 30
    assert eventually_gone(int(number.read_text()))


def eventually_gone(process: int) -> bool:
    """Within 10 s nothing is left of it but, perhaps, an entry that nobody has read."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.1)
    return False

"""Run a row: every contestant in a process of its own, one after the other, again and again."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.environments import python_of
from benchmarks.process_tree import Ran, run_measured
from benchmarks.row import Contestant, Row

ROOT = Path(__file__).parents[1]
LAST_LINES = 12  # of the complaints of a process that failed


@dataclass
class Raced:
    """What came of a row: for every contestant the figures of its runs, in order; all of a pair
    stand at the same place. A contestant that failed has no runs and its last words."""

    row: str
    pairs: int
    quick: bool
    threads: int
    disturbance: float  # share of the machine that others took
    runs: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def values(self, contestant: str, key: str) -> list[float]:
        return [run[key] for run in self.runs.get(contestant, []) if key in run]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def race(
    row: Row,
    *,
    pairs: int,
    threads: int,
    data: Path,
    quick: bool = False,
    only: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> Raced:
    """A B C, A B C, …; the seed is the number of the round, the same for all.

    Args:
        data: the data folder; `row.data` must be in it.
        only: names of contestants; all if empty.
    """
    chosen = [
        each
        for each in row.contestants
        if (each.quick or not quick) and (not only or each.name in only)
    ]
    raced = Raced(row.name, pairs, quick, threads, 0.0, {each.name: [] for each in chosen})
    with tempfile.TemporaryDirectory() as folder:
        track = Track(row, threads, data, Path(folder), quick)
        for contestant in {(each.script, each.environment): each for each in chosen}.values():
            track.prepare(contestant, raced)
        for contestant in [each for each in chosen if each.command]:
            track.run(contestant, seed=0)  # uncounted: the disk has been read
        before, spent = machine.Clock.now(), -time.process_time()
        for seed in range(pairs):
            for contestant in [each for each in chosen if each.name not in raced.failures]:
                ran = track.run(contestant, seed)
                spent += ran.cpu
                track.note(contestant, ran, raced)
                figures = raced.runs[contestant.name]
                told = "  ".join(f"{k} {v:.4g}" for k, v in figures[-1].items()) if figures else ""
                say(f"  {seed + 1}/{pairs} {contestant.name:32} {told or 'FAILED'}")
    spent += time.process_time()
    raced.disturbance = machine.disturbance(before, machine.Clock.now(), spent)
    for name, why in raced.failures.items():
        say(f"!! {name} FAILED: {why}")
    return raced


def missing(row: Row, data: Path) -> list[Path]:
    """What the row needs and the data folder does not have."""
    return [data / name for name in row.data if not (data / name).exists()]


def variables(threads: int, home: Path) -> dict[str, str]:
    """The environment of every process: equal threads, nobody spins, an empty home and caches."""
    count = str(threads)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "STRIATE_CACHE": str(home / "striate"),
        "TORCHINDUCTOR_CACHE_DIR": str(home / "inductor"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "OMP_NUM_THREADS": count,
        "OMP_WAIT_POLICY": "PASSIVE",
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONUNBUFFERED": "1",
    }


@dataclass(frozen=True)
class Track:
    """How the processes of a row are started.

    Args:
        kept: a folder for what contestants make beforehand.
    """

    row: Row
    threads: int
    data: Path
    kept: Path
    quick: bool

    def prepare(self, contestant: Contestant, raced: Raced) -> None:
        ran = self._process(contestant, [*self._script(contestant), "--warm"])
        if ran.code != 0:
            self.note(contestant, ran, raced)

    def run(self, contestant: Contestant, seed: int) -> Ran:
        if contestant.command:
            places = {"data": str(self.data), "kept": str(self.kept)}
            name, *arguments = (part.format(**places) for part in contestant.command)
            program = python_of(contestant.environment).with_name(name)
            return self._process(contestant, [str(program), *arguments])
        quick = self.row.quick if self.quick else ()
        return self._process(contestant, [*self._script(contestant), "--seed", str(seed), *quick])

    def note(self, contestant: Contestant, ran: Ran, raced: Raced) -> None:
        figures = _figures(ran)
        if figures is None:
            raced.failures[contestant.name] = _last_words(ran, self.row.limit)
            raced.runs[contestant.name] = []
        else:
            raced.runs[contestant.name].append(figures)

    def _script(self, contestant: Contestant) -> list[str]:
        module = f"benchmarks.contestants.{contestant.script}"
        python = str(python_of(contestant.environment))
        places = ["--data", str(self.data), "--kept", str(self.kept)]
        return [python, "-m", module, *places, *contestant.arguments]

    def _process(self, contestant: Contestant, command: Sequence[str]) -> Ran:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            environment = variables(self.threads, Path(home)) | dict(contestant.variables)
            if self.row.gpu:
                del environment["CUDA_VISIBLE_DEVICES"]
            limit = self.row.limit
            return run_measured(command, folder=ROOT, variables=environment, limit=limit)


def _figures(ran: Ran) -> dict[str, float] | None:
    if ran.code != 0:
        return None
    lines = [line for line in ran.output.splitlines() if line.startswith('{"')]
    said = json.loads(lines[-1]) if lines else {}
    return {"wall": ran.wall, "cpu": ran.cpu, "memory": ran.memory, **said}


def _last_words(ran: Ran, limit: float) -> str:
    if ran.code is None:
        return f"ended after {limit:.0f} s"
    words = (ran.errors.strip() or ran.output.strip()).splitlines()[-LAST_LINES:]
    return "\n".join([f"exit code {ran.code}", *words])


def pin(threads: int) -> None:
    """Let this process and all that it starts use so many processors only."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

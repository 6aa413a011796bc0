"""Side by side with the peers.

python -m benchmarks                      every row, then RESULTS.md and results.svg
python -m benchmarks transfer start       these rows
python -m benchmarks transfer --quick     two short rounds: does it run, and roughly how
python -m benchmarks --list               what rows there are
python -m benchmarks --page               write the page anew from what is kept
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import environments, machine, race, results
from benchmarks.row import Row
from benchmarks.rows import ROWS

DATA = race.ROOT.parent / "shared" / "data"
PAIRS, QUICK_PAIRS = 5, 2
TOLD = {"explain": "Explanations beside captum and pytorch-grad-cam"}  # tables of their own


def main() -> int:
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what runs, too
    if asked.list:
        for row in ROWS.values():
            print(f"{row.name:20} {row.title}")
        print(*(f"{name:20} {title}" for name, title in TOLD.items()), sep="\n")
        return 0
    race.pin(asked.threads)
    failed = False
    if not asked.page:
        names = asked.rows or [*ROWS, *TOLD]
        rows = [ROWS[name] for name in names if name in ROWS]
        failed = measured(rows, asked)
        for name in names:
            if name in TOLD:
                tell(name, asked.threads, quick=asked.quick)
    told = {
        title: file.read_text()
        for name, title in TOLD.items()
        if (file := results.KEPT / f"{name}.txt").is_file()
    }
    print(f"\n{results.write_page(list(ROWS.values()), told)}")
    return int(failed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", choices=[[], *ROWS, *TOLD])
    parser.add_argument("--quick", action="store_true", help="two rounds of shorter jobs")
    parser.add_argument("--pairs", type=int, help=f"rounds; {PAIRS}, quick {QUICK_PAIRS}")
    parser.add_argument("--only", action="append", default=[], metavar="CONTESTANT")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("STRIATE_BENCHMARK_DATA", DATA))
    )
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--page", action="store_true")
    return parser.parse_args()


def measured(rows: list[Row], asked: argparse.Namespace) -> bool:
    """Run the rows and keep what came of them; whether anything failed or was left out."""
    runnable, failed = [], False
    for row in rows:
        absent = race.missing(row, asked.data)
        if absent:
            print(f"!! {row.name} IS LEFT OUT: there is no {', '.join(map(str, absent))}.")
            print("!! Name the data folder by --data or STRIATE_BENCHMARK_DATA.")
            failed = True
        elif row.gpu and not machine.has_gpu():
            print(f"{row.name}: not measured, there is no GPU")
        else:
            runnable.append(row)
    needed = {each.environment for row in runnable for each in row.contestants}
    for name in sorted(needed & set(environments.ENVIRONMENTS)):
        environments.make(name)
    if not runnable:
        return failed
    with tempfile.TemporaryDirectory() as home:
        variables = race.variables(asked.threads, Path(home))
        ceilings = machine.ceilings(variables, race.ROOT)
    here = machine.described() | {"ceilings": ceilings}
    print("  ".join(f"{key} {value:.0f}" for key, value in ceilings.items()))
    pairs = asked.pairs or (QUICK_PAIRS if asked.quick else PAIRS)
    for row in runnable:
        started = time.monotonic()
        print(f"\n{row.title} ({row.name})", flush=True)
        raced = race.race(
            row,
            pairs=pairs,
            threads=asked.threads,
            data=asked.data.absolute(),
            quick=asked.quick,
            only=asked.only,
        )
        results.keep(raced, here)
        print(f"\n{results.section(row, raced, here)}")
        print(f"{row.name} took {time.monotonic() - started:.0f} s", flush=True)
        failed |= bool(raced.failures)
    return failed


def tell(name: str, threads: int, quick: bool) -> None:
    """Run a benchmark that prints a table of its own, and keep what it prints."""
    print(f"\n{TOLD[name]} ({name})", flush=True)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *(["--images", "1"] if quick else [])],
        cwd=race.ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    print(done.stdout + done.stderr)
    if done.returncode == 0:
        results.KEPT.mkdir(exist_ok=True)
        (results.KEPT / f"{name}.txt").write_text(done.stdout.strip())


if __name__ == "__main__":
    sys.exit(main())

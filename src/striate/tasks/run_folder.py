"""A run folder: where everything that a training earned is kept, and where it is found again."""

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from striate.errors import RunError, UsageError
from striate.files import parse_json, write_atomic
from striate.tasks.processes import launched
from striate.training import Event, EventLog, read_events

RUNS = Path("runs")


@dataclass(frozen=True)
class TestOpened(Event):
    """The sealed test part was opened, by a verb, at a time (ISO, UTC)."""

    when: str
    by: str


@dataclass(frozen=True)
class RunFolder:
    """The files of one run, by name. Nothing is read or written until it is asked for."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def data(self) -> Path:
        return self.path / "data.json"

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions.parquet"

    @property
    def report(self) -> Path:
        return self.path / "report.json"

    @property
    def page(self) -> Path:
        return self.path / "report.html"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    @property
    def lock(self) -> Path:
        return self.path / "run.lock"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that a training writes here."""
        kept = (self.recipe, self.data, self.split, self.history, self.events, self.model)
        return (*kept, self.predictions, self.report, self.page)

    @property
    def started(self) -> bool:
        return self.recipe.exists()

    @property
    def finished(self) -> bool:
        return self.report.exists()

    def remove_leftovers(self) -> None:
        """Remove what a killed process had only half written. Hold the run's lock."""
        for staged in self.path.glob(".*.tmp"):
            staged.unlink(missing_ok=True)

    def write_recipe(self, recipe: dict[str, Any]) -> None:
        write_atomic(self.recipe, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))

    def read_recipe(self) -> dict[str, Any]:
        """What was asked for, resolved; an interrupted or finished run has it."""
        try:
            recipe = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            recipe = None
        if not isinstance(recipe, dict):
            raise RunError(
                "run-bad-recipe", f"{self.recipe} is no recipe.", "Train again in another folder."
            )
        return recipe

    def write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        """One line an epoch; the columns are those of the first epoch."""
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, list(rows[0]) if rows else ["epoch"], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        write_atomic(self.history, text.getvalue())

    def read_report(self) -> dict[str, Any]:
        """The contents of report.json.

        Raises:
            RunError: the training of this run has not ended.
        """
        if not self.finished:
            raise RunError(
                "run-unfinished",
                f"{self.path} has no report yet: its training has not ended.",
                f"Go on with it: {self.resume_command}",
            )
        report = parse_json(self.report.read_text(encoding="utf-8"), str(self.report))
        return dict(report)

    @property
    def resume_command(self) -> str:
        """The command line that goes on with this run, with as many processes as there are now."""
        striate = "striate"
        if launched() > 1:
            striate = f"torchrun --nproc_per_node {launched()} -m striate"
        data = shlex.quote(str(self.read_recipe()["data"]))
        return f"{striate} train {data} --output-dir {shlex.quote(str(self.path))} --resume"

    def trained_hashes(self) -> set[str]:
        """SHA-256 of every image of the training and validation parts."""
        account = parse_json(self.data.read_text(encoding="utf-8"), str(self.data))
        with self.split.open(newline="", encoding="utf-8") as file:
            parts = {row["path"]: row["split"] for row in csv.DictReader(file)}
        learnt = {
            file["sha256"] for file in account["files"] if parts.get(file["path"], "test") != "test"
        }
        return learnt - {""}

    def log_test_opening(self, by: str) -> None:
        """Note that the test part was opened; whoever judges by it sees how often that was."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        EventLog(self.events)(TestOpened(when=now, by=by))

    def test_openings(self) -> list[dict[str, str]]:
        """`[{"when", "by"}]`, oldest first."""
        return [{"when": e["when"], "by": e["by"]} for e in self._told(TestOpened.__name__)]

    def notices(self, code: str) -> tuple[str, ...]:
        """The sentences of this code that a person was told, in order, each once."""
        told = [event["sentence"] for event in self._told("Notice") if event["code"] == code]
        return tuple(dict.fromkeys(told))

    def _told(self, kind: str) -> Iterator[dict[str, Any]]:
        if self.events.exists():
            yield from (event for event in read_events(self.events) if event["event"] == kind)


def find_run(run: str | Path) -> RunFolder:
    """The run folder that is meant: its path, its name under runs/, or a file inside it.

    Raises:
        RunError: there is none; close names are suggested.
    """
    given = Path(run)
    for path in (given, RUNS / given, given.parent):
        if RunFolder(path).started:
            return RunFolder(path)
    known = [str(path.parent) for path in RUNS.glob("*/recipe.yaml")]
    close = get_close_matches(str(RUNS / given.name), known, n=3) or sorted(known)[:5]
    raise RunError(
        "run-not-found",
        f"{run} is no run folder: there is no recipe.yaml in it.",
        f"Did you mean {' or '.join(close)}?" if close else "`striate train DATA` makes one.",
    )


def new_folder_in(parent: Path, name: str, output_dir: Path | None) -> Path:
    """`output_dir`, or the first of parent/NAME, parent/NAME-2, … that is free.

    Raises:
        UsageError: `output_dir` has a report already.
    """
    if output_dir is None:
        free = (parent / (name if i == 1 else f"{name}-{i}") for i in range(1, 100_000))
        return next(path for path in free if not path.exists())
    if RunFolder(output_dir).finished:
        raise UsageError(
            "run-exists",
            f"{output_dir} already holds a report.",
            "Choose another --output-dir.",
        )
    return output_dir

"""What the data check found, in the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table

from striate.report.consoles import make_console, words
from striate.report.words import count, names

STYLES = {"error": "bold red", "warning": "yellow", "note": ""}
SHOWN = 20  # excluded files; the JSON has them all


def check_result(found: Mapping[str, Any], console: Console) -> RenderableType:
    """The count, the findings, and every excluded file with its reason, the first 20 of them.

    Args:
        found: the content of `data.json`.
    """
    counts = found["counts"]
    head = (
        f"{count(counts['found'])} files found: {count(counts['used'])} used, "
        f"{count(counts['excluded'])} excluded."
    )
    return Group(words(console, head, "bold"), *_findings(found, console), *_files(found, console))


def _findings(found: Mapping[str, Any], console: Console) -> Iterator[RenderableType]:
    for finding in found["findings"]:
        severity = finding["severity"]
        label = "" if severity == "note" else f"{severity}: "
        yield words(console, f"{label}{finding['sentence']}", STYLES.get(severity, ""))


def _files(found: Mapping[str, Any], console: Console) -> Iterator[RenderableType]:
    excluded = [file for file in found["files"] if file["status"] == "excluded"]
    if not excluded:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in ("excluded", "reason", ""):
        table.add_column(words(console, heading), overflow="fold")
    for file in excluded[:SHOWN]:
        table.add_row(
            words(console, names(file["path"], 60)),
            words(console, file["reason"]),
            words(console, file["detail"], "dim"),
        )
    yield words(console, "")
    yield table
    if len(excluded) > SHOWN:
        more = count(len(excluded) - SHOWN)
        yield words(console, f"… and {more} more; --output FILE writes them all.", "dim")


def show_check(found: Mapping[str, Any]) -> None:
    """Print `check_result` on standard output."""
    console = make_console()
    console.print(check_result(found, console))

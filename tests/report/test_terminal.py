"""Results in terminals, pipes and consoles without Unicode."""

import io

import pytest
from rich.console import Console

from report.reports import HOSTILE, make_report
from striate.report.consoles import make_console
from striate.report.terminal import show_predictions, show_result

ROWS = [
    {
        "id": "a/[bold]cat.jpg",
        "predicted": "cats",
        "probability": 0.987,
        "others": [("dogs", 0.013)],
    },
    {"id": "caf\udcff\n.jpg", "error": "not an image"},
    {"id": "b.jpg", "predicted": ["boat", "dog"], "probability": None},
    {"id": "c.jpg", "predicted": 12.5, "probability": None},
]


def printed(show: object, *arguments: object, encoding: str = "utf-8", **options: object) -> str:
    """What is written to a pipe of that encoding."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="")
    show(*arguments, console=make_console(file), **options)  # type: ignore[operator]
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_verdict_the_numbers_and_the_places() -> None:
    places = {"report": "runs/" + "long/" * 40 + "report.html", "model": "m.safetensors"}
    out = printed(show_result, make_report(["a", "b"]), places=places)
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] == "Right on 90 of 100 test images: 90 %."
    assert "Accuracy   90\u202f%   76.9–100.0\u202f%   20" in lines
    assert lines[-2:] == ["report  " + places["report"], "model   m.safetensors"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_console_without_unicode(encoding: str) -> None:
    out = printed(show_result, make_report(["a", "b"]), encoding=encoding)
    assert "76.9-100.0 %" in out
    assert out.isascii()
    assert printed(show_predictions, ROWS, encoding=encoding).isascii()


def test_predictions_are_whole_in_a_pipe_and_markup_is_not_obeyed() -> None:
    out = printed(show_predictions, [*ROWS, {"id": "x" * 200, "predicted": "cats"}])
    assert "a/[bold]cat.jpg" in out
    assert "caf\\xff\\n.jpg" in out
    assert "not read: not an image" in out
    assert "boat, dog" in out
    assert "12.5" in out
    assert "x" * 200 in out
    assert "98.7\u202f%" in out


def test_a_narrow_terminal_is_not_overrun() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True, no_color=True, highlight=False)
    show_predictions([{**row, "id": name} for row in ROWS for name in HOSTILE], console=console)
    show_result(make_report(["a", "b"]), console=console)
    assert max(map(len, strip(file.getvalue()).splitlines())) <= 60


def strip(text: str) -> str:
    """Without escape sequences."""
    import re

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_more_predictions_than_asked_for_are_counted() -> None:
    assert "… and 3 more" in printed(show_predictions, ROWS, most=1)


def test_a_report_with_nothing_in_it_prints_nothing_wrong() -> None:
    assert printed(show_result, {"format": 1, "verdict": None, "metrics": None}).strip() == ""

"""Results in the terminal: the verdict, the numbers with their intervals, predictions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from striate.report.consoles import make_console, words
from striate.report.measures import estimates, measure
from striate.report.words import count, finite, names, percent, sentences, shorten

MOST_NAME = 300  # characters of a file name in a pipe


def result(report: Mapping[str, Any], console: Console) -> RenderableType:
    """Verdict and table of metrics.

    Args:
        report: the content of `report.json`.
        console: what it is written for: decides on characters.
    """
    parts: list[RenderableType] = []
    first, *rest = sentences(str(report.get("verdict") or "")) or [""]
    if first:
        parts.append(words(console, first, "bold"))
    if rest:
        parts.append(words(console, " ".join(rest)))
    known = estimates(report.get("metrics"))
    if known:
        parts.append(Padding(_metrics(known, console), (1, 0)))
    return Group(*parts)


def show_result(
    report: Mapping[str, Any],
    *,
    places: Mapping[str, object] | None = None,
    console: Console | None = None,
) -> None:
    """Print `result` and where things lie, each place whole on a line of its own.

    Args:
        places: what to find where, such as `{"report": "runs/digits/report.html"}`.
    """
    console = console or make_console()
    console.print(result(report, console))
    widest = max(map(len, places or ()), default=0)
    for name, place in (places or {}).items():
        line = words(console, f"{name:{widest}}  ", "dim")
        console.print(line.append_text(words(console, str(place), "blue")), soft_wrap=True)


def _table(console: Console, left: Sequence[str], right: Sequence[str] = ()) -> Table:
    """A table without a frame: headings of the columns of words, then of those of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in left:
        table.add_column(words(console, heading), overflow="fold")
    for heading in right:
        table.add_column(words(console, heading), justify="right", no_wrap=True)
    return table


def _metrics(known: Mapping[str, Mapping[str, Any]], console: Console) -> Table:
    table = _table(console, left=("measure",), right=("value", "95 % interval", "n"))
    for key, estimate in known.items():
        row = measure(key)
        n = finite(estimate.get("n"))
        table.add_row(
            words(console, row.title),
            words(console, row.show(estimate["value"]), "bold"),
            words(console, row.interval(estimate) or "–"),
            words(console, count(n) if n else "–", "dim"),
        )
    return table


def predictions(
    rows: Iterable[Mapping[str, Any]], console: Console, *, most: int | None = None
) -> RenderableType:
    """A table of answers.

    Args:
        rows: each with `id`, `predicted` (a class, several, or a number), and where it is known
            `probability` and `others` ([class, probability] pairs, next most probable first).
            A row with `error` is one that could not be read.
        most: rows that are shown; the rest is counted.
    """
    rows = list(rows)
    shown = rows if most is None else rows[:most]
    wide = any(row.get("others") for row in shown) and console.width >= 80
    sure = any(finite(row.get("probability")) is not None for row in shown)
    table = _table(console, left=("file", "answer"), right=("sure",) if sure else ())
    if wide:
        table.add_column(words(console, "or else"), overflow="fold")
    for row in shown:
        table.add_row(*_answer(row, console, sure=sure, wide=wide))
    if len(rows) == len(shown):
        return table
    return Group(table, words(console, f"… and {count(len(rows) - len(shown))} more", "dim"))


def _answer(row: Mapping[str, Any], console: Console, *, sure: bool, wide: bool) -> list[Text]:
    room = max(console.width // 3, 16) if console.is_terminal else MOST_NAME
    file = words(console, shorten(str(row.get("id")), room))
    if row.get("error"):
        cells = [file, words(console, f"not read: {row['error']}", "red")]
        return cells + [Text("")] * (sure + wide)
    cells = [file, words(console, names(row.get("predicted"), 40), "bold")]
    if sure:
        cells.append(words(console, percent(finite(row.get("probability")))))
    if wide:
        others = [f"{names(c, 24)} {percent(finite(p))}" for c, p in row.get("others") or ()]
        cells.append(words(console, ", ".join(others[:3]), "dim"))
    return cells


def show_predictions(
    rows: Iterable[Mapping[str, Any]], *, console: Console | None = None, most: int | None = None
) -> None:
    """Print `predictions`."""
    console = console or make_console()
    console = _unbounded(console)
    console.print(predictions(rows, console, most=most))


def explanations(rows: Sequence[Mapping[str, Any]], console: Console) -> RenderableType:
    """A table of what was explained, for every image and method.

    Args:
        rows: each with `image`, `target`, `answer` (its probability, or a predicted number),
            `predicted_probability` (None for a number), `method`, `quality` and `picture`.
    """
    measures = list(dict.fromkeys(name for row in rows for name in row["quality"]))
    table = _table(console, ("image", "explained"), ("sure", *measures))
    for heading in ("method", "picture"):
        table.add_column(words(console, heading), overflow="fold")
    room = max(console.width // 4, 16) if console.is_terminal else MOST_NAME
    for row in rows:
        is_number = row["predicted_probability"] is None
        sure = names(row["answer"]) if is_number else percent(row["answer"])
        quality = [finite(row["quality"].get(name)) for name in measures]
        table.add_row(
            words(console, shorten(str(row["image"]), room)),
            words(console, names(row["target"], 40), "bold"),
            words(console, sure),
            *(words(console, "–" if value is None else f"{value:.3f}") for value in quality),
            words(console, row["method"] + (" (FAILS)" if row.get("fails_randomisation") else "")),
            words(console, shorten(row["picture"], room), "dim"),
        )
    return table


def show_explanations(rows: Sequence[Mapping[str, Any]], *, console: Console | None = None) -> None:
    """Print `explanations`."""
    console = _unbounded(console or make_console())
    console.print(explanations(rows, console))


def _unbounded(console: Console) -> Console:
    """The console itself, or for a pipe, which has no edge, a very wide one."""
    if console.is_terminal:
        return console
    return make_console(console.file, width=MOST_NAME + 120)

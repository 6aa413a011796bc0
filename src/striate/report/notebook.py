"""A bar in a notebook, updated in place through IPython's display ids; needs no ipywidgets."""

import time
from collections.abc import Mapping
from typing import Any, Self

from striate.report.live import Event, ending, facts, notice, title
from striate.report.markup import Content, Markup, tag
from striate.report.plot import Scale
from striate.report.progress import Progress, spoken, told
from striate.report.words import count, duration

EVERY = 0.25  # seconds between updates


class NotebookWatcher:
    """Shows one output and replaces it as events come in; notices stay, each in its own output."""

    def __init__(self) -> None:
        self.progress = Progress()
        self._handle: Any = None
        self._next = 0.0

    def __enter__(self) -> Self:
        from IPython.display import display

        self._handle = display(self._bundle(), raw=True, display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._update()

    def __call__(self, event: Event | Mapping[str, Any]) -> None:
        said = facts(event)
        self.progress.see(said)
        if said.get("event") == "Notice":
            from IPython.display import display

            display(bundle(tag("p", notice(said)), notice(said)), raw=True)
        if time.monotonic() >= self._next or said.get("event") in ("EpochEnded", "TrainingEnded"):
            self._update()

    def _update(self) -> None:
        self._next = time.monotonic() + EVERY
        if self._handle is not None:
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        progress = self.progress
        plain = progress.line(progress.rows[-1]) if progress.rows else "training"
        return bundle(view(progress), plain)


def bundle(html: Markup, plain: str) -> dict[str, str]:
    """What a front end picks the richest form from."""
    return {"text/html": str(html), "text/plain": plain}


def view(progress: Progress) -> Markup:
    """The state of a training as a bar, a line of text and a small curve each."""
    return tag(
        "div", _training(progress), _stage(progress), style="font-variant-numeric:tabular-nums"
    )


def _training(progress: Progress) -> Content:
    if not progress.epochs:
        return None
    left = progress.seconds_left
    said = [f"epoch {progress.epoch}/{progress.epochs}"]
    if progress.outcome:
        said.append(ending(progress))
    if progress.speed and not progress.outcome:
        said.append(f"{count(progress.speed)} images/s")
    if left is not None and not progress.outcome:
        said.append(f"{duration(left)} left")
    rows = [_row(progress, key) for key in progress.watched()]
    return [
        _bar(progress.step, max(progress.total_steps, 1), " · ".join(said)),
        tag("table", rows) if rows else None,
    ]


def _stage(progress: Progress) -> Content:
    stage = progress.stage
    if stage is None:
        return None
    said = f"{title(stage)} {count(stage.done)}/{count(stage.total)}"
    return _bar(stage.done, max(stage.total, 1), said)


def _bar(done: int, total: int, said: str) -> Markup:
    bar = tag("progress", value=done, max=total, aria_label=said, style="width:20em")
    return tag("div", bar, " ", said)


def _row(progress: Progress, key: str) -> Markup:
    values = [row[key] for row in progress.rows if key in row]
    low, high = min(values), max(values)
    x, y = Scale(0, max(len(values) - 1, 1), 1, 119), Scale(low, high, 18, 2)
    points = "L".join(f"{x(i):.1f} {y(v):.1f}" for i, v in enumerate(values))
    line = tag("path", d=f"M{points}", fill="none", stroke="currentColor", stroke_width=1.5)
    drawn = tag("svg", line, width=120, height=20, viewBox="0 0 120 20", aria_hidden="true")
    return tag("tr", tag("td", spoken(key)), tag("td", told(key, values[-1])), tag("td", drawn))

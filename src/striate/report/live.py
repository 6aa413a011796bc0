"""Watching a training: one live region in a terminal, one line an epoch in a pipe, a bar in a
notebook. A watcher is a context manager that is called with events."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from striate.report.consoles import ascii_only, in_notebook, is_live, make_console, words
from striate.report.measures import measure
from striate.report.progress import Progress, Stage, spoken, told
from striate.report.sparkline import BLOCKS, PLAIN, sparkline
from striate.report.words import count, duration

LEVELS = {"warning": "yellow", "error": "bold red"}
SHOWN = 6  # lines of losses and metrics
OUTCOMES = {
    "finished": "done",
    "stopped_early": "stopped early: validation no longer improved",
    "interrupted": "interrupted",
}


class Event(Protocol):
    """Anything with its name under `"event"` in its JSON."""

    def to_json(self) -> dict[str, Any]: ...


class Watcher(Protocol):
    """What `watcher` gives: enter it, call it with events, leave it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def __call__(self, event: Event | Mapping[str, Any]) -> None: ...


def watcher(console: Console | None = None) -> Watcher:
    """The watcher that suits where the output goes.

    Args:
        console: where to write; the notebook, or else standard output, when not given.
    """
    if console is None and in_notebook():
        from striate.report.notebook import NotebookWatcher

        return NotebookWatcher()
    console = console or make_console()
    return LiveWatcher(console) if is_live(console) else LineWatcher(console)


def facts(event: Event | Mapping[str, Any]) -> Mapping[str, Any]:
    """The plain values of an event."""
    return event if isinstance(event, Mapping) else event.to_json()


class LineWatcher:
    """One line an epoch, one a finished stage, one a notice: for pipes, logs and dumb terminals."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, event: Event | Mapping[str, Any]) -> None:
        said = facts(event)
        self.progress.see(said)
        line = spoken_line(said, self.progress)
        if line:
            self.console.print(words(self.console, line), soft_wrap=True)


def spoken_line(event: Mapping[str, Any], progress: Progress) -> str:
    """What a line-by-line view says on an event; nothing for most."""
    kind = event.get("event")
    if kind == "EpochEnded":
        return progress.line(progress.rows[-1])
    if kind == "TrainingEnded":
        return ending(progress)
    if kind == "Notice":
        return notice(event)
    stage = progress.stage
    if kind == "StageProgress" and stage and stage.done >= stage.total:
        return f"{title(stage)}: {count(stage.done)} in {duration(progress.clock() - stage.began)}"
    return ""


def notice(event: Mapping[str, Any]) -> str:
    """`warning: …`; plain information stands without a word before it."""
    level = str(event.get("level"))
    said = str(event.get("sentence"))
    return f"{level}: {said}" if level in LEVELS else said


def title(stage: Stage) -> str:
    """The stage's name with a capital."""
    return stage.name[:1].upper() + stage.name[1:]


def ending(progress: Progress) -> str:
    """`Training done in 24 s, best epoch 17.`"""
    outcome = OUTCOMES.get(progress.outcome, progress.outcome)
    said = f"Training {outcome}"
    if progress.seconds is not None:
        said += f", {duration(progress.seconds)}"
    return f"{said}, best epoch {progress.best_epoch}." if progress.best_epoch else f"{said}."


class LiveWatcher:
    """One region, redrawn four times a second in a thread; notices scroll by above it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress = Progress()
        self._live = Live(
            View(self.progress),
            console=console,
            refresh_per_second=4,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event | Mapping[str, Any]) -> None:
        said = facts(event)
        if said.get("event") == "Notice":
            style = LEVELS.get(str(said.get("level")), "")
            self.console.print(words(self.console, notice(said), style))
        before = self.progress.stage
        self.progress.see(said)
        after = self.progress.stage
        if before and before.done >= before.total and (not after or after.name != before.name):
            took = f"{title(before)}: {count(before.done)}"
            self.console.print(words(self.console, took, "dim"))


class View:
    """The region as it looks now, at whatever width the terminal has now."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        parts: list[RenderableType] = []
        progress = self.progress
        if progress.epochs:
            parts += [_heading(console, progress, width), _series(console, progress, width)]
        if progress.stage:
            parts.append(_stage(console, progress, progress.stage, width))
        yield Group(*parts)


def _heading(console: Console, progress: Progress, width: int) -> RenderableType:
    """The bar of all steps with what is known of pace and time; two lines where it is narrow."""
    said = []
    if progress.outcome:
        said.append(ending(progress))
    else:
        within = progress.step - (progress.epoch - 1) * progress.steps_per_epoch
        within = min(max(within, 0), progress.steps_per_epoch)
        said.append(f"step {count(within)}/{count(progress.steps_per_epoch)}")
        if progress.speed:
            said.append(f"{count(progress.speed)} images/s")
        left = progress.seconds_left
        said.append(f"{duration(left)} left" if left is not None else "")
    name = words(console, f"epoch {progress.epoch}/{progress.epochs}", "bold")
    name.append(" ")
    bar = ProgressBar(
        total=max(progress.total_steps, 1),
        completed=progress.step,
        width=max(width - len(name.plain) - 1, 4),
        complete_style="blue",
        finished_style="blue",
    )
    line = Table.grid(padding=0)
    line.add_row(name, bar)
    return Group(line, words(console, " · ".join(filter(None, said)), "dim"))


def _series(console: Console, progress: Progress, width: int) -> RenderableType:
    """A line each for the losses and metrics: name, last value, sparkline, best."""
    levels = PLAIN if ascii_only(console) else BLOCKS
    grid = Table.grid(padding=(0, 2, 0, 0))
    names = progress.watched()[:SHOWN] or (["train_loss"] if progress.losses else [])
    widest = max((len(spoken(key)) for key in names), default=0)
    room = max(width - widest - (30 if width >= 72 else 14), 4)
    for key in names:
        values = [row[key] for row in progress.rows if key in row]
        last = values[-1] if values else progress.loss
        if key == "train_loss":  # steps say more than epochs, and sooner
            values, last = progress.losses or values, progress.loss if progress.training else last
        drawn = Text(sparkline(values, min(room, 48), levels), style=_colour(key))
        best = words(console, _best(key, values), "dim") if width >= 72 else Text()
        grid.add_row(
            words(console, spoken(key), "dim"), words(console, told(key, last)), best, drawn
        )
    return grid


def _best(key: str, values: list[float]) -> str:
    if not key.startswith("val") or not values:
        return ""
    lower = key.endswith("loss") or measure(key).better == "low"
    return f"best {told(key, min(values) if lower else max(values))}"


def _colour(key: str) -> str:
    return "blue" if key.startswith("val") else "yellow"


def _stage(console: Console, progress: Progress, stage: Stage, width: int) -> RenderableType:
    known = stage.total > 0
    said = f"{count(stage.done)}/{count(stage.total)}" if known else count(stage.done)
    took = progress.clock() - stage.began
    if known and 0 < stage.done < stage.total and took > 1:
        said += f" · {duration(took / stage.done * (stage.total - stage.done))} left"
    name, told_ = words(console, title(stage) + " ", "bold"), words(console, " " + said, "dim")
    room = max(width - name.cell_len - told_.cell_len - 1, 4)
    bar = ProgressBar(
        total=stage.total if known else None,
        completed=stage.done,
        width=min(room, 48),
        pulse=not known,
        complete_style="blue",
        finished_style="blue",
    )
    line = Table.grid(padding=0)
    line.add_row(name, bar, told_)
    return line

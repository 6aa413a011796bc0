"""The live view: in terminals of any width, in pipes, in notebooks."""

import io
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from striate.report.consoles import make_console
from striate.report.live import LineWatcher, LiveWatcher, View, watcher
from striate.report.progress import MOST_LOSSES, Progress
from striate.report.sparkline import PLAIN, sparkline

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def training(epochs: int = 3, steps: int = 4) -> list[dict[str, Any]]:
    """The events of a short training with a data check before and judging after."""
    events: list[dict[str, Any]] = [
        {"event": "StageProgress", "stage": "checking images", "done": done, "total": 10}
        for done in (0, 5, 10)
    ]
    events.append({"event": "TrainingStarted", "epochs": epochs, "steps_per_epoch": steps,
                   "start_step": 0})  # fmt: skip
    for epoch in range(1, epochs + 1):
        for step in range(steps):
            number = (epoch - 1) * steps + step + 1
            events.append({"event": "StepEnded", "step": number, "epoch": epoch,
                           "loss": 1 / number, "images_per_second": 1234.5,
                           "learning_rate": 0.1})  # fmt: skip
        row = {"epoch": epoch, "train_loss": 0.5 / epoch, "val_loss": 0.6 / epoch}
        row |= {"val_accuracy": 0.9 + 0.01 * epoch, "learning_rate": 0.1, "seconds": 1.0}
        events.append({"event": "EpochEnded", "epoch": epoch, "row": row, "is_best": True})
    events.append(
        {"event": "Notice", "level": "warning", "code": "x", "sentence": "Look [red]out."}
    )
    events.append({"event": "CheckpointSaved", "path": "p", "step": 1, "seconds": 0.1})
    events.append({"event": "TrainingEnded", "outcome": "finished", "seconds": 24.3,
                   "best_epoch": 2})  # fmt: skip
    return events


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_gets_one_line_an_epoch() -> None:
    file = io.StringIO()
    with watcher(make_console(file)) as watch:
        assert isinstance(watch, LineWatcher)
        for event in training():
            watch(event)
    lines = file.getvalue().splitlines()
    assert lines[0].startswith("Checking images: 10 in 0.")
    assert [line.split("  ")[0] for line in lines[1:4]] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert "train loss 0.5000  val loss 0.6000  val accuracy 91.0 %  1,234 images/s" in lines[1]
    assert lines[4:] == ["warning: Look [red]out.", "Training done, 24 s, best epoch 2."]


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_the_view_fits_any_width(width: int) -> None:
    progress = Progress()
    for event in training():
        progress.see(event)
        file = io.StringIO()
        console = Console(file=file, width=width, force_terminal=True, height=40, highlight=False)
        console.print(View(progress))
        assert max(map(len, ESCAPES.sub("", file.getvalue()).splitlines()), default=0) <= width


def test_the_view_says_epoch_speed_and_time_left() -> None:
    clock = Clock()
    progress = Progress(clock)
    for event in training()[3:9]:  # start, epoch 1 whole
        clock.now += 2.0
        progress.see(event)
    file = io.StringIO()
    Console(file=file, width=80, highlight=False).print(View(progress))
    out = file.getvalue()
    assert "epoch 1/3" in out
    assert "step 4/4 · 1,234 images/s · 20 s left" in out  # 10 s for 4 steps, 8 to go
    assert "val accuracy  91.0 %  best 91.0 %" in out


def test_time_left_after_a_resume_counts_only_what_was_done_since() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.see(
        {"event": "TrainingStarted", "epochs": 10, "steps_per_epoch": 10, "start_step": 90}
    )
    assert progress.epoch == 10
    assert progress.seconds_left is None
    clock.now += 3.0
    progress.see({"event": "StepEnded", "step": 96, "epoch": 10, "loss": 1.0})
    assert progress.seconds_left == pytest.approx(2.0)


def test_losses_of_a_long_training_are_thinned() -> None:
    progress = Progress()
    for step in range(5000):
        progress.see({"event": "StepEnded", "step": step + 1, "epoch": 1, "loss": float(step)})
    assert len(progress.losses) <= MOST_LOSSES
    assert progress.losses[:2] == [7.5, 23.5]  # means of 16 steps each
    assert progress.losses[-1] == pytest.approx(5000 - 8.5, abs=16)


def test_what_is_not_finite_or_not_known_changes_nothing() -> None:
    progress = Progress()
    progress.see({"event": "StepEnded", "step": 1, "epoch": 1, "loss": float("nan")})
    progress.see({"event": "SomethingNew"})
    progress.see({"event": "EpochEnded", "epoch": 1, "row": {"val_loss": float("inf")}})
    assert progress.losses == []
    assert progress.rows == [{"epoch": 1}]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode(encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    console = Console(file=file, width=60, force_terminal=True, highlight=False)
    with LiveWatcher(console) as watch:
        for event in training():
            watch(event)
    file.flush()
    raw = file.buffer.getvalue()  # type: ignore[attr-defined]
    assert raw.isascii()


def test_no_color_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True, highlight=False)
    with LiveWatcher(console) as watch:
        for event in training():
            watch(event)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", file.getvalue())


def test_a_live_region_ends_cleanly_when_training_fails() -> None:
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True, highlight=False)
    with pytest.raises(KeyboardInterrupt), LiveWatcher(console) as watch:  # noqa: PT012
        watch(training()[3])
        raise KeyboardInterrupt
    assert file.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_events_of_training_are_understood() -> None:
    from striate.training import events

    file = io.StringIO()
    with watcher(make_console(file)) as watch:
        watch(events.StageProgress("judging", 5, 5))
        watch(events.TrainingStarted(2, 3, 30, 0, 0, "cpu"))
        watch(events.StepEnded(3, 1, 3, 3, 0.5, 0.1, 99.0))
        watch(events.EpochEnded(1, 2, {"epoch": 1, "val_loss": 0.25}, True))
        watch(events.Notice("error", "code", "Stop."))
        watch(events.TrainingEnded("stopped_early", 1, 1, 3, 61.0, 99.0))
    lines = file.getvalue().splitlines()
    assert lines[1].startswith("epoch 1/2  val loss 0.2500  99 images/s")
    assert lines[2:] == [
        "error: Stop.",
        "Training stopped early: validation no longer improved, 1 min 1 s, best epoch 1.",
    ]


def test_a_sparkline_shows_the_shape() -> None:
    assert sparkline([], 5) == ""
    assert sparkline([2, 2], 5) == "▄▄"
    assert sparkline(list(range(80)), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 8], 5, PLAIN) == "_#"


def test_a_notebook_gets_one_output_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, str]] = []
    updates: list[dict[str, str]] = []

    def display(content: dict[str, str], **options: Any) -> Any:
        shown.append(content)
        return SimpleNamespace(update=lambda bundle, raw: updates.append(bundle))

    shell = type("ZMQInteractiveShell", (), {})()
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    module = ModuleType("IPython.display")
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    with watcher() as watch:
        for event in training():
            watch(event)
    assert len(shown) == 2  # the bar and one notice
    last = updates[-1]["text/html"]
    assert '<progress value="12" max="12"' in last
    assert "val accuracy" in last
    assert "Training done, 24 s, best epoch 2." in last
    assert updates[-1]["text/plain"].startswith("epoch 3/3  train loss 0.1667")

"""Events and their log."""

import json
from pathlib import Path

import pytest

from striate.errors import FileError
from striate.training import CheckpointSaved, EventLog, Notice, StepEnded, read_events, together

NOTICE = Notice("warning", "train-x", "Look.")
STEP = StepEnded(1, 1, 1, 6, 0.5, 0.01, 100.0)


def test_an_event_is_plain_json():
    event = CheckpointSaved(Path("a") / "step-1", 1, 0.5)
    assert event.to_json() == {
        "event": "CheckpointSaved", "path": str(Path("a") / "step-1"), "step": 1, "seconds": 0.5,
    }  # fmt: skip
    json.dumps(STEP.to_json(), allow_nan=False)


def test_the_log_appends_and_cuts_off_what_a_crash_left(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    EventLog(path)(NOTICE)
    with path.open("a") as file:
        file.write('{"event": "Noti')
    assert [event["event"] for event in read_events(path)] == ["Notice"]
    EventLog(path)(NOTICE)
    assert [event["code"] for event in read_events(path)] == ["train-x", "train-x"]
    assert path.read_text().count("\n") == 2


def test_steps_do_not_fill_the_log(tmp_path):
    log = EventLog(tmp_path / "events.jsonl", step_seconds=1000)
    for _ in range(50):
        log(STEP)
    log(NOTICE)
    assert [event["event"] for event in read_events(log.path)] == ["StepEnded", "Notice"]


def test_a_log_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="Cannot write"):
        EventLog(tmp_path / "file" / "events.jsonl")


def test_several_watchers_see_every_event():
    one, two = [], []
    together(one.append, two.append)(NOTICE)
    assert one == two == [NOTICE]

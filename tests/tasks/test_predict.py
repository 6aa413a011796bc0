"""A run answers files: what may be named, and how."""

import io

import numpy as np
import pytest

from small_pictures import EACH
from striate.errors import DataError, RunError, UsageError
from striate.tasks.predict import carry_out, model_of
from striate.tasks.request import PredictRequest


def predict(run, *files, on_event=None, **options):
    request = PredictRequest(run=str(run), files=tuple(map(str, files)), **options)
    return carry_out(request, **({"on_event": on_event} if on_event else {}))


def test_a_folder_a_glob_and_files_in_their_order(trained, pictures):
    red = pictures / "red"
    assert len(predict(trained.folder, red)) == EACH
    found = predict(trained.folder, red / "003.png", f"{red}/00[01].png")
    assert [name[-7:] for name in found.ids] == ["003.png", "000.png", "001.png"]


def test_standard_input_is_a_list(trained, pictures, monkeypatch):
    lines = f"{pictures}/red/000.png\r\n\n{pictures}/red/001.png\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert len(predict(trained.folder, "-", pictures / "blue" / "000.png")) == 3


def test_the_batch_size_changes_next_to_nothing(trained, pictures):
    one = predict(trained.folder, pictures, batch_size=1)
    many = predict(trained.folder, pictures, batch_size=64)
    assert one.ids == many.ids
    assert one.values == pytest.approx(many.values, abs=1e-5)


def test_progress_is_told_when_there_is_more_than_a_batch(trained, pictures):
    told = []
    predict(trained.folder, pictures, on_event=told.append)
    assert told == []
    predict(trained.folder, pictures, on_event=told.append, batch_size=20)
    assert [(event.done, event.total) for event in told] == [(20, 43), (40, 43), (43, 43)]


def test_the_model_is_found_by_folder_name_or_file(trained, pictures, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(trained.folder.parent)
    file = str(pictures / "red" / "000.png")
    answers = [
        model_of(str(place)).predict(file).values
        for place in (trained.folder, trained.folder.name, trained.folder / "model.safetensors")
    ]
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])
    with pytest.raises(RunError, match=f"Did you mean runs/{trained.folder.name}"):
        model_of("colour")


def test_nothing_named_and_nothing_found(trained, tmp_path):
    with pytest.raises(UsageError, match="FILES are missing"):
        predict(trained.folder)
    with pytest.raises(DataError, match="There is no file in"):
        predict(trained.folder, tmp_path)
    assert predict(trained.folder, "absent.png").unreadable[0].reason == "missing-file"

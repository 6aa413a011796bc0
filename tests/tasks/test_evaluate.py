"""Judging a run again: on its own test part, and on data from elsewhere, bound by name."""

import shutil

import numpy as np
import pytest

import striate as st
from small_pictures import write_pictures
from striate.data import open_dataset
from striate.errors import DataError, RunError, UsageError
from striate.tasks.evaluate import bound_by_name, carry_out
from striate.tasks.request import EvaluateRequest
from striate.training import Notice


@pytest.fixture
def run(trained, tmp_path) -> st.Run:
    """A copy that may be written to."""
    return st.open_run(shutil.copytree(trained.folder, tmp_path / "run"))


@pytest.fixture
def unseen(tmp_path):
    """Pictures that the run never saw, in two of its classes."""
    from small_pictures import picture

    for colour in ("red", "green"):
        folder = tmp_path / "unseen" / colour
        folder.mkdir(parents=True)
        for number in range(100, 106):
            picture(colour, number).save(folder / f"{number}.png")
    return tmp_path / "unseen"


def judged(run, data=None, **options):
    notices = []

    def watch(event):
        if isinstance(event, Notice):
            notices.append(event.code)

    request = EvaluateRequest(run=str(run.folder), data=data and str(data), **options)
    return carry_out(request, on_event=watch), notices


def test_the_own_test_part_gives_the_same_scores_and_is_counted(run, trained):
    first, notices = judged(run)
    assert first.report["metrics"] == trained.report["metrics"]
    assert notices == ["data-test-opened"]
    assert [opening["by"] for opening in first.report["test_openings"]] == ["train", "evaluate"]
    second, _ = judged(run)
    assert [first.folder.name, second.folder.name] == ["test", "test-2"]
    assert len(second.report["test_openings"]) == 3
    assert len(run.files.test_openings()) == 3


def test_the_neighbours_are_training_images(run):
    found, _ = judged(run)
    entries = [*found.report["mistakes"], *found.report["hardest"]]
    assert entries
    assert all(len(entry["neighbours"]) == 3 for entry in entries)


def test_other_data_may_lack_classes(run, unseen):
    found, notices = judged(run, unseen)
    assert found.report.metrics["accuracy"].n == 12
    assert found.report["classes"] == ["blue", "green", "red"]
    assert np.array(found.report["confusion_matrix"])[0].sum() == 0
    assert found.report["data"]["by_split"] == {"train": 0, "val": 0, "test": 12}
    assert notices == []
    assert len(run.files.test_openings()) == 1


def test_one_class_is_enough_to_judge(run, unseen):
    shutil.rmtree(unseen / "green")
    found, _ = judged(run, unseen)
    assert found.report.metrics["accuracy"].n == 6


def test_images_that_were_learnt_from_are_told(run, pictures):
    found, notices = judged(run, pictures)
    learnt = run.report["data"]["by_split"]
    (finding,) = [
        f for f in found.report["data"]["findings"] if f["code"] == "evaluated-on-training-images"
    ]
    assert finding["sentence"].startswith(f"{learnt['train'] + learnt['val']} of the 42 images")
    assert notices == ["evaluated-on-training-images"]


def test_unknown_classes_are_named(run, tmp_path):
    write_pictures(tmp_path / "other", each=3, colours=("red", "blue"))
    (tmp_path / "other" / "red").rename(tmp_path / "other" / "mauve")
    with pytest.raises(DataError, match=r"does not know the classes mauve; it knows blue, green"):
        judged(run, tmp_path / "other")


def test_labels_follow_their_names(trained, tmp_path):
    write_pictures(tmp_path / "two", each=2, colours=("green", "red"))
    dataset = bound_by_name(open_dataset(tmp_path / "two"), trained.model)
    assert dataset.classes == ("blue", "green", "red")
    assert [dataset.label_text(row) for row in range(len(dataset))] == [
        name.split("/")[0] for name in dataset.ids
    ]


def test_arrays_are_data_too(trained, run):
    x = np.zeros((4, 14, 15, 3), np.uint8)
    x[..., 0] = np.arange(4)[:, None, None] + 200
    found = st.evaluate(run, (x, ["red"] * 4), progress=False)
    assert found.folder == run.files.evaluations / "arrays"
    assert found.report.metrics["accuracy"].n == 4


def test_the_place_is_checked_before_the_seal_is_broken(run):
    with pytest.raises(UsageError, match="already holds a report"):
        judged(run, output_dir=run.folder)
    assert len(run.files.test_openings()) == 1


def test_another_place_can_be_named(run, unseen, tmp_path):
    found, _ = judged(run, unseen, output_dir=tmp_path / "here")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [
        "predictions.parquet", "report.html", "report.json",
    ]  # fmt: skip
    assert found.report.page == tmp_path / "here" / "report.html"


def test_no_such_run(trained, monkeypatch):
    monkeypatch.chdir(trained.folder.parent)
    with pytest.raises(RunError, match="is no run folder"):
        st.evaluate("colour")
    with pytest.raises(UsageError, match="device"):
        st.evaluate(trained, device="toaster", progress=False)

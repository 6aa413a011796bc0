"""Is one run better than another? Asked of the images that both were judged on."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import striate as st
from small_pictures import train_small
from striate.errors import DataError, RunError, UsageError


@pytest.fixture(scope="module")
def other(trained, pictures, tmp_path_factory):
    """A run with the split of `trained` and another seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        folder = tmp_path_factory.mktemp("other") / "colours-b"
        return train_small(pictures, folder, split=trained.files.split, seed=9, epochs=1)


@pytest.fixture
def changed(trained, tmp_path):
    """A copy of `trained` whose predictions can be rewritten."""
    folder = shutil.copytree(trained.folder, tmp_path / "changed")

    def change(**columns):
        file = folder / "predictions.parquet"
        table = pq.read_table(file)
        for name, values in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(values(table.column(name).to_pylist())))
        pq.write_table(table, file)
        return folder

    return change


def test_two_runs_with_one_split(trained, other):
    found = st.compare(trained, other)
    n = trained.report.metrics["accuracy"].n
    assert (found["n"], found["metric"]) == (n, "accuracy")
    assert found["a"] == trained.report.metrics["accuracy"].value
    assert found["b"] == other.report.metrics["accuracy"].value
    assert "colours-b" in found["sentence"]
    assert f"{n} images" in found["sentence"]
    assert 0 <= found["p"] <= 1


def test_the_other_way_round(trained, other):
    one, reverse = st.compare(trained, other), st.compare(other.folder, trained.folder)
    assert one["difference"]["value"] == -reverse["difference"]["value"]
    assert one["p"] == reverse["p"]


def test_only_shared_images_count(trained, changed):
    folder = changed(id=lambda ids: [*ids[:4], *(f"else/{name}" for name in ids[4:])])
    assert st.compare(trained, folder)["n"] == 4


def test_nothing_in_common(trained, changed):
    folder = changed(id=lambda ids: [f"else/{name}" for name in ids])
    with pytest.raises(DataError, match=r"not judged on any image in common.*--split") as caught:
        st.compare(trained, folder)
    assert caught.value.code == "data-no-shared-images"


def test_other_labels_of_the_same_images(trained, changed):
    folder = changed(true=lambda labels: labels[::-1])
    with pytest.raises(DataError, match="different labels for the same images"):
        st.compare(trained, folder)


def test_other_classes(trained, tmp_path):
    run = st.train("digits", model="lenet5", epochs=1, image_size=16, progress=False, workers=0,
                   output_dir=tmp_path / "digits")  # fmt: skip
    with pytest.raises(DataError, match="answer different questions: their classes differ"):
        st.compare(trained, run)


def test_a_run_is_not_compared_with_itself(trained):
    with pytest.raises(UsageError, match="compared with itself"):
        st.compare(trained, trained.folder)


def test_an_unfinished_run_says_how_to_go_on(trained, tmp_path):
    folder = shutil.copytree(trained.folder, tmp_path / "half")
    (folder / "report.json").unlink()
    with pytest.raises(RunError, match=f"striate train .* --output-dir {folder} --resume"):
        st.compare(trained, folder)

"""The folder of a training: free, its own, and never among the images."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from striate.errors import UsageError
from striate.tasks.claim import claimed
from striate.tasks.request import TrainRequest
from striate.tasks.run_folder import RunFolder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ask(data="photos", **options) -> TrainRequest:
    return TrainRequest(data=data, **options)


def test_the_name_is_that_of_the_data(tmp_path):
    (tmp_path / "my data.v2").mkdir()
    for data, name in [
        ("photos", "photos"), ("a/b/flowers.csv", "flowers"), ("my data.v2", "my-data.v2"),
        ("my data.v2/", "my-data.v2"), ("<arrays>", "arrays"), (".", tmp_path.name), ("/", "run"),
    ]:  # fmt: skip
        assert ask(data).run_name == name


def test_a_folder_where_nothing_began_is_taken_again():
    with claimed(ask()) as first:
        pass
    with claimed(ask()) as again:
        assert again == first
        again.write_recipe({"data": "photos"})
    with claimed(ask()) as third:
        assert third.path.name == "photos-2"


def test_those_who_come_together_get_a_folder_each():
    everyone = Barrier(4)

    def take(_):
        everyone.wait()
        with claimed(ask()) as folder:
            everyone.wait()
            return folder.path.name

    with ThreadPoolExecutor(4) as pool:
        names = sorted(pool.map(take, range(4)))
    assert names == ["photos", "photos-2", "photos-3", "photos-4"]


def test_a_run_is_not_trained_over(tmp_path):
    folder = RunFolder(tmp_path / "mine")
    folder.write_recipe({"data": "photos"})
    for state, way in (("an unfinished run", "--resume"), ("a finished run", "--output-dir")):
        with pytest.raises(UsageError, match=f"holds {state}.*{way}"):
            claimed(ask(output_dir=folder.path)).__enter__()
        folder.report.write_text("{}")


def test_files_of_other_origin_are_not_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "split.csv").write_text("precious")
    with pytest.raises(UsageError, match=r"mine holds split.csv of other origin"):
        claimed(ask(output_dir=tmp_path / "mine")).__enter__()


@pytest.mark.parametrize("place", ["photos", "photos/run", "photos/cats/../run"])
def test_a_run_stays_out_of_the_images(tmp_path, place):
    (tmp_path / "photos").mkdir()
    with pytest.raises(
        UsageError, match=r"would lie inside the data folder.*runs/photos"
    ) as caught:
        claimed(ask(output_dir=tmp_path / place)).__enter__()
    assert caught.value.code == "run-inside-data"
    assert list((tmp_path / "photos").iterdir()) == []


def test_not_even_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="inside the data folder"):
        claimed(ask(".")).__enter__()

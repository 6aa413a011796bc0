"""Data looked at before training: checked, parted."""

import csv
import json

import pytest

from small_pictures import EACH, train_small
from striate.errors import DataError, UsageError
from striate.tasks.data import check, part
from striate.tasks.request import DataCheckRequest, DataSplitRequest


def test_a_check_accounts_for_every_file(pictures, tmp_path):
    checked = check(DataCheckRequest(data=str(pictures), output=tmp_path / "account.json"))
    account = json.loads((tmp_path / "account.json").read_text())
    assert account == checked.to_json()
    assert account["counts"] == {"found": 3 * EACH + 2, "used": 3 * EACH, "excluded": 2}
    assert account["task"] == "single_label"
    assert account["classes"] == ["blue", "green", "red"]
    assert not checked.has_errors


def test_a_split_can_be_used_for_a_training(pictures, tmp_path):
    request = DataSplitRequest(data=str(pictures), output=tmp_path / "s.csv", val=0.2, test=0.3)
    parted = part(request)
    assert sum(parted.counts.values()) == 3 * EACH
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert parted.counts["test"] == sum(row["split"] == "test" for row in rows) == 12
    run = train_small(pictures, tmp_path / "run", split=tmp_path / "s.csv", epochs=1)
    assert run.files.split.read_bytes() == (tmp_path / "s.csv").read_bytes()


def test_the_seed_fixes_the_split(pictures, tmp_path):
    texts = []
    for number, seed in enumerate((0, 0, 1)):
        file = tmp_path / f"{number}.csv"
        part(DataSplitRequest(data=str(pictures), output=file, seed=seed))
        texts.append(file.read_text())
    assert texts[0] == texts[1] != texts[2]


def test_a_split_is_not_overwritten(pictures, tmp_path):
    (tmp_path / "s.csv").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        part(DataSplitRequest(data=str(pictures), output=tmp_path / "s.csv"))
    assert (tmp_path / "s.csv").read_text() == "mine"


def test_data_with_errors_are_not_parted(pictures, tmp_path):
    data = tmp_path / "data"
    for place in ("train/red", "train/blue", "test/red", "test/green"):
        (data / place).mkdir(parents=True)
        source = pictures / place.split("/")[1] / "000.png"
        (data / place / "0.png").write_bytes(source.read_bytes())
    assert check(DataCheckRequest(data=str(data))).has_errors
    with pytest.raises(DataError, match="no file was changed"):
        part(DataSplitRequest(data=str(data), output=tmp_path / "s.csv"))

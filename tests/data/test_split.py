"""Dividing records: stratified, seeded, grouped, and reusable."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.pictures import write
from striate.data import check, open_dataset, read_split, split, split_findings, write_split
from striate.data.check import CheckReport
from striate.data.dataset import column
from striate.errors import DataError, UsageError


def arrays(labels, groups=None, splits=None):
    images = np.arange(len(labels), dtype=np.uint16)[:, None, None].repeat(8, 1).repeat(8, 2)
    data = open_dataset((images, np.array(labels)))
    if groups is not None:
        data = replace(data, groups=column([str(g) for g in groups]))
    return data if splits is None else replace(data, split=column(splits))


def divided(data, **options):
    return split(data, check(data), **options)


def sizes(data):
    return [len(data.where(name)) for name in ("train", "val", "test")]


def parts(data):
    return dict(zip(data.ids, data.split.tolist(), strict=True))


def test_every_class_gives_its_share():
    data = divided(arrays([0] * 200 + [1] * 100 + [2] * 20), val=0.1, test=0.2)
    assert sizes(data) == [224, 32, 64]
    for k, count in enumerate((200, 100, 20)):
        of_class = data.select(np.flatnonzero(data.labels == k))
        assert sizes(of_class) == [count * 7 // 10, count // 10, count // 5]


def test_the_same_seed_gives_the_same_split_in_any_order():
    data = arrays([k % 3 for k in range(90)])
    first = parts(divided(data, seed=4))
    assert parts(divided(data, seed=4)) == first
    shuffled = data.select(np.random.default_rng(0).permutation(90))
    assert parts(divided(shuffled, seed=4)) == first
    assert parts(divided(data, seed=5)) != first


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 15)), min_size=40, max_size=80))
def test_groups_are_never_divided(pairs):
    labels = [label for label, _ in pairs] + [0, 1] * 10
    groups = [f"g{group}" if group else "" for _, group in pairs] + [""] * 20
    data = divided(arrays(labels, groups))
    for name in set(groups) - {""}:
        assert len(set(data.split[data.groups == name])) == 1
    assert len(data) == len(labels)
    assert set(data.split) == {"train", "val", "test"}


def test_near_duplicates_stay_together(tmp_path):
    root = write(tmp_path, {"a": 20, "b": 20})
    for path in sorted(root.glob("*/*.png")):
        Image.open(path).save(path.with_name(f"{path.stem}-again.jpg"), quality=60)
        shutil.copy(path, path.with_name(f"{path.stem}-copy.png"))
    (root / "a" / "0-broken.png").write_bytes(b"")  # an excluded record comes first
    for seed in range(5):
        where = parts(divided(open_dataset(root), seed=seed))
        for path in root.glob("*/???.png"):
            name = path.relative_to(root).as_posix().removesuffix(".png")
            assert len({where[f"{name}{end}"] for end in (".png", "-again.jpg", "-copy.png")}) == 1


def test_given_parts_stay_and_missing_ones_are_carved_from_train():
    data = arrays([0, 1] * 60, splits=["train"] * 100 + ["test"] * 20)
    result = divided(data, val=0.2)
    assert sizes(result) == [80, 20, 20]
    assert (result.split[100:] == "test").all()
    assert sizes(divided(data, val=0)) == [100, 0, 20]
    everything = arrays([0, 1] * 6, splits=["train", "train", "val", "val", "test", "test"] * 2)
    assert parts(divided(everything)) == parts(everything)
    some = arrays([0, 1] * 8, splits=["train", "train", "val", "val", "test", "test", "", ""] * 2)
    assert set(divided(some).split[6:8]) == {"train"}


def test_a_class_too_small_stays_in_train_and_it_is_said():
    data = divided(arrays([0] * 30 + [1] * 30 + [2] * 2))
    assert set(data.split[data.labels == 2]) == {"train"}
    assert [f.sentence for f in split_findings(data)] == [
        "The val part has no image of '2'.",
        "The test part has no image of '2'.",
    ]
    small = divided(arrays([0] * 3 + [1] * 30))
    assert sorted(small.split[small.labels == 0]) == ["test", "train", "val"]
    assert split_findings(small) == ()


def test_regression_is_divided_along_the_target():
    targets = np.random.default_rng(0).normal(size=400)
    data = divided(arrays(targets.tolist()), test=0.25, val=0.25)
    order = np.argsort(data.labels)
    for tenth in np.array_split(order, 10):
        assert sizes(data.select(tenth)) == [20, 10, 10]


def test_multi_label_is_divided_by_the_rarest_label():
    rows = np.zeros((200, 3), dtype=int)
    rows[:, 0] = 1
    rows[:40, 1] = 1
    rows[30:50, 2] = 1
    rows[190:] = 0
    images = np.arange(200, dtype=np.uint16)[:, None, None].repeat(8, 1).repeat(8, 2)
    data = divided(open_dataset((images, rows)), val=0.2, test=0.2)
    for k in range(3):
        held = data.split[data.labels[:, k] == 1]
        assert abs((held == "test").mean() - 0.2) < 0.1
        assert abs((held == "val").mean() - 0.2) < 0.1


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(UsageError, match=r"got 0\.5, 0\.5"):
        divided(arrays([0, 1] * 9), val=0.5, test=0.5)
    with pytest.raises(DataError, match="4 training images are too few") as caught:
        divided(arrays([0, 1] * 2))
    assert caught.value.code == "data-too-few"
    with pytest.raises(DataError, match="no training part"):
        divided(arrays([0, 1] * 9, splits=["test"] * 18))


def test_one_group_larger_than_its_share_still_gives_a_part():
    data = divided(arrays([0, 1] * 30, groups=[f"g{k // 15}" for k in range(60)]))
    assert min(sizes(data)) > 0


def test_a_split_file_is_read_back(tmp_path):
    data = arrays([0, 1] * 30, groups=[k // 2 for k in range(60)])
    first = divided(data, seed=3)
    write_split(first, tmp_path / "split.csv")
    text = (tmp_path / "split.csv").read_text().splitlines()
    assert text[0] == "path,label,split,group"
    assert text[1] == f"00000,0,{first.split[0]},0"
    again = read_split(data.select(np.arange(60)[::-1]), tmp_path / "split.csv")
    assert parts(again) == parts(first)


def test_names_with_commas_and_newlines_survive(tmp_path):
    data = replace(
        arrays([0, 1]), ids=('a,"b"\nc.png', "=1+1.png"), split=column(["train", "test"])
    )
    write_split(data, tmp_path / "split.csv")
    assert parts(read_split(data, tmp_path / "split.csv")) == parts(data)


def test_a_split_of_other_data_is_refused(tmp_path):
    path = tmp_path / "split.csv"
    data = divided(arrays([0, 1] * 30))
    write_split(data.select(range(50)), path)
    with pytest.raises(
        DataError, match=r"10 of 60 images are not in it \(first: 00050\)"
    ) as caught:
        read_split(data, path)
    assert caught.value.code == "data-split-ids"
    write_split(data, path)
    with pytest.raises(DataError, match=r"20 of its rows have no image \(first: 00040\)"):
        read_split(data.select(range(40)), path)
    with pytest.raises(DataError, match="60 of 60 labels have changed"):
        read_split(replace(data, classes=("1", "0")), path)


@pytest.mark.parametrize(
    "text",
    ["", "path,label\na,b\n", "path,label,split,group\na,b,holdout,\n",
     "path,label,split,group\na,b,train,\na,b,test,\n"],
)  # fmt: skip
def test_what_is_no_split_file_is_refused(tmp_path, text):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DataError):
        read_split(arrays([0, 1]), tmp_path / "split.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_split(arrays([0, 1]), tmp_path / "none.csv")


def test_only_kept_records_are_divided():
    data = arrays([0, 1] * 30)
    report: CheckReport = check(data)
    fewer = replace(report, kept=report.kept[10:])
    assert split(data, fewer).ids == data.ids[10:]

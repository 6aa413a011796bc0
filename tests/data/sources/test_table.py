"""Tables of images."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from data.pictures import write
from striate.data import check, open_dataset
from striate.errors import DataError


@pytest.fixture
def root(tmp_path):
    return write(tmp_path, {"images": 6})


def table(root, text, name="labels.csv"):
    (root / name).write_text(text, encoding="utf-8")
    return root / name


def test_class_names_with_splits_and_groups(root):
    path = table(
        root,
        "path,label,split,group\nimages/000.png,cat,train,p1\n./images/001.png,dog,valid,p2\n"
        "images/../images/002.png,cat,,\n",
    )
    data = open_dataset(path)
    assert data.task == "single_label"
    assert data.classes == ("cat", "dog")
    assert data.ids == ("images/000.png", "images/001.png", "images/002.png")
    assert data.split.tolist() == ["train", "val", ""]
    assert data.groups.tolist() == ["p1", "p2", ""]
    assert check(data).counts["used"] == 3


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_delimiters_and_a_byte_order_mark(root, mark):
    path = table(root, f"\ufeffPath{mark}Label\nimages/000.png{mark}a\nimages/001.png{mark}b\n")
    assert open_dataset(path).classes == ("a", "b")


def test_several_labels_and_none(root):
    path = table(root, "path,label\nimages/000.png,cat|indoors\nimages/001.png,\n")
    data = open_dataset(path)
    assert data.task == "multi_label"
    assert data.labels.tolist() == [[1, 1], [0, 0]]
    assert data.label_text(0) == "cat|indoors"


def test_numbers(root):
    path = table(root, "path,label\n" + "".join(f"images/{k:03d}.png,{k / 2}\n" for k in range(6)))
    data = open_dataset(path)
    assert data.task == "regression"
    assert data.labels.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert open_dataset(path, task="single_label").classes == (
        "0.0", "0.5", "1.0", "1.5", "2.0", "2.5",
    )  # fmt: skip


def test_rows_that_cannot_be_used_are_listed(root):
    path = table(
        root,
        "path,label\nimages/000.png,a\nimages/000.png,a\nimages/001.png,b\nimages/002.png,a\n"
        "images/002.png,b\nimages/003.png,\ngone.png,a\n",
    )
    data = open_dataset(path)
    assert data.ids == ("images/000.png", "images/001.png")
    assert {v.path: v.reason for v in data.skipped} == {
        "images/002.png": "conflicting-labels",
        "images/003.png": "no-label",
        "gone.png": "missing-file",
    }
    (conflict,) = [v for v in data.skipped if v.reason == "conflicting-labels"]
    assert conflict.detail.startswith("It is listed 2 times, as 'a', 'b'")
    assert check(data).counts == {"found": 5, "used": 2, "excluded": 3}


def test_a_folder_with_one_table_accounts_for_all_its_files(root):
    table(root, "path,label\nimages/000.png,a\nimages/001.png,b\n")
    (root / ".hidden").write_bytes(b"")
    data = open_dataset(root)
    assert data.root == root
    reasons = {v.path: v.reason for v in data.skipped}
    assert reasons == {
        "labels.csv": "table",
        ".hidden": "dot-file",
        **{f"images/{k:03d}.png": "not-in-table" for k in range(2, 6)},
    }
    table(root, "path,label\nimages/000.png,a\n", "more.csv")
    with pytest.raises(DataError, match=r"holds 2 tables: labels\.csv, more\.csv"):
        open_dataset(root)


def test_a_table_without_labels_does_not_hide_class_folders(tmp_path):
    write(tmp_path, {"a": 2, "b": 2})
    table(tmp_path, "path,licence\na/000.png,CC0\n", "manifest.csv")
    data = open_dataset(tmp_path)
    assert data.classes == ("a", "b")
    assert [v.path for v in data.skipped] == ["manifest.csv"]


def test_parquet_keeps_types(root):
    names = [f"images/{k:03d}.png" for k in range(4)]
    for labels, task, classes in (
        (["x", "y", "x", None], "single_label", ("x", "y")),
        ([1, 0, 1, 0], "single_label", ("0", "1")),
        ([1.5, 0, 2, 3], "regression", ("label",)),
        ([["x"], [], ["x", "y"], ["y"]], "multi_label", ("x", "y")),
    ):
        pa.parquet.write_table(pa.table({"path": names, "label": labels}), root / "t.parquet")
        data = open_dataset(root / "t.parquet")
        assert (data.task, data.classes) == (task, classes)
        assert len(data) == (3 if None in labels else 4)


def test_mistakes_in_tables(root):
    with pytest.raises(DataError, match="label is missing; found: path, class") as caught:
        open_dataset(table(root, "path,class\na,b\n"))
    assert caught.value.code == "data-columns"
    with pytest.raises(DataError, match="path and label are missing; found: none"):
        open_dataset(table(root, ""))
    with pytest.raises(DataError, match="got 'holdout'"):
        open_dataset(table(root, "path,label,split\nimages/000.png,a,holdout\n"))
    (root / "bad.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match="cannot be read as a table"):
        open_dataset(root / "bad.parquet")
    (root / "bad.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    with pytest.raises(DataError, match="cannot be read as a table"):
        open_dataset(root / "bad.csv")
    with pytest.raises(DataError, match="needs numbers, got 'a'"):
        open_dataset(
            table(root, "path,label\nimages/000.png,a\nimages/001.png,b\n"), task="regression"
        )

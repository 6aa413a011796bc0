"""The data check: every file accounted for, and the right ones excluded."""

import hashlib
import json
import os
import shutil
import threading
import time

import numpy as np
import pytest
from PIL import Image

from data.pictures import photograph, write
from striate.data import FileStore, check, open_dataset, split, usable
from striate.data import check as check_module


def codes(report):
    return {finding.code: finding for finding in report.findings}


def hashes(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_a_clean_folder(tmp_path):
    data = open_dataset(write(tmp_path, {"a": 12, "b": 12}))
    steps = []
    report = check(data, on_progress=lambda done, total: steps.append((done, total)))
    assert report.counts == {"found": 24, "used": 24, "excluded": 0}
    assert report.findings == ()
    assert report.kept.tolist() == list(range(24))
    assert (report.near_duplicate_group == -1).all()
    assert report.sizes.tolist() == [[64, 64, 3]] * 24
    assert steps == [(k, 24) for k in range(1, 25)]
    assert {v.path: v.sha256 for v in report.files} == hashes(tmp_path)


def test_broken_files_are_excluded_with_their_reason_and_never_touched(tmp_path):
    write(tmp_path, {"a": 12, "b": 12})
    good = (tmp_path / "a" / "000.png").read_bytes()
    bad = {
        "a/cut.png": (good[: len(good) // 2], "truncated"),
        "a/empty.png": (b"", "empty-file"),
        "b/page.jpg": (b"<!DOCTYPE html><html>", "not-an-image"),
        "b/paper.pdf": (b"%PDF-1.4", "unsupported-format"),
    }
    for name, (data, _) in bad.items():
        (tmp_path / name).write_bytes(data)
    Image.new("RGB", (300, 200)).save(tmp_path / "b" / "large.png")
    (tmp_path / ".thumb.png").write_bytes(good)
    before = hashes(tmp_path)
    report = check(open_dataset(tmp_path), pixel_cap=50_000)
    out = {v.path: v.reason for v in report.files if v.status == "excluded"}
    assert out == {
        **{name: reason for name, (_, reason) in bad.items()},
        "b/large.png": "over-pixel-cap",
        ".thumb.png": "dot-file",
    }
    assert report.counts == {"found": 30, "used": 24, "excluded": 6}
    assert {v.path: v.sha256 for v in report.files} == before == hashes(tmp_path)
    assert codes(report)["excluded"].sentence == (
        "5 files are left out: empty-file 1, not-an-image 1, over-pixel-cap 1, truncated 1, "
        "unsupported-format 1."
    )
    (large,) = [v for v in report.files if v.reason == "over-pixel-cap"]
    assert large.detail == "300×200 = 60,000 pixels, over the cap of 50,000."


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(tmp_path):
    write(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "a" / "000.png").chmod(0)
    assert check(open_dataset(tmp_path)).files[0].reason == "unreadable"


def test_a_file_that_vanishes_is_excluded(tmp_path):
    data = open_dataset(write(tmp_path, {"a": 2, "b": 2}))
    (tmp_path / "a" / "000.png").unlink()
    verdict = check(data).files[0]
    assert (verdict.status, verdict.reason, verdict.sha256) == ("excluded", "unreadable", "")
    assert "No such file" in verdict.detail


def test_all_copies_with_conflicting_labels_are_excluded(tmp_path):
    write(tmp_path, {"a": 12, "b": 12})
    shutil.copy(tmp_path / "a" / "003.png", tmp_path / "b" / "copy.png")
    shutil.copy(tmp_path / "a" / "005.png", tmp_path / "a" / "same.png")
    report = check(open_dataset(tmp_path))
    out = {v.path: v for v in report.files if v.status == "excluded"}
    assert set(out) == {"a/003.png", "b/copy.png"}
    assert out["b/copy.png"].reason == "conflicting-labels"
    assert "a/003.png (a), b/copy.png (b)" in out["b/copy.png"].detail
    assert "1 image is equal to another" in codes(report)["duplicates"].sentence
    group = dict(zip(open_dataset(tmp_path).ids, report.near_duplicate_group, strict=True))
    assert group["a/005.png"] == group["a/same.png"] >= 0


def test_regression_keeps_copies_with_other_numbers():
    images = np.zeros((4, 8, 8), np.uint8)
    report = check(open_dataset((images, np.array([0.5, 1.5, 2.5, 3.5]))))
    assert report.counts["used"] == 4


def test_a_second_check_reads_verdicts_from_the_cache(tmp_path, monkeypatch):
    root = write(tmp_path / "data", {"a": 6, "b": 6})
    first = check(open_dataset(root), cache=tmp_path / "cache")
    calls = []
    examine = check_module.__globals__["examine"]
    monkeypatch.setitem(
        check_module.__globals__, "examine", lambda *a: calls.append(a) or examine(*a)
    )
    again = check(open_dataset(root), cache=tmp_path / "cache")
    assert calls == []
    assert again.files == first.files
    assert again.to_json() == first.to_json()
    shutil.move(root / "a" / "000.png", root / "b" / "moved.png")  # known by content, not name
    check(open_dataset(root), cache=tmp_path / "cache")
    assert calls == []
    capped = check(open_dataset(root), cache=tmp_path / "cache", pixel_cap=100)
    assert capped.counts["used"] == 0  # a lower cap is not overruled by the cache
    assert check(open_dataset(root), cache=tmp_path / "cache").counts["used"] == 12


def test_any_number_of_workers_finds_the_same(tmp_path):
    root = write(tmp_path / "data", {"a": 9, "b": 9})
    reports = [
        check(open_dataset(root), workers=workers, cache=tmp_path / str(workers)).to_json()
        for workers in (1, 3, 8)
    ]
    assert reports[0] == reports[1] == reports[2]


def test_an_interruption_stops_the_threads_and_the_rest_is_not_read(tmp_path, monkeypatch):
    data = open_dataset(write(tmp_path, {"a": 40, "b": 40}))
    before, reads = threading.active_count(), []

    def slow_read(store, index):
        reads.append(index)
        time.sleep(0.02)
        return store.paths[index].read_bytes()

    def interrupt(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(FileStore, "read", slow_read)
    with pytest.raises(KeyboardInterrupt):
        check(data, workers=2, on_progress=interrupt)
    assert threading.active_count() == before
    assert len(reads) < 20


def test_data_json_has_one_entry_for_every_file(tmp_path):
    root = write(tmp_path, {"a": 3, "b": 3})
    (root / "stray.txt").write_text("x")
    value = json.loads(json.dumps(check(open_dataset(root)).to_json()))
    assert [set(entry) for entry in value["files"]] == [
        {"path", "sha256", "status", "reason", "detail"}
    ] * 7
    assert value["counts"] == {"found": 7, "used": 6, "excluded": 1}
    assert set(value["findings"][0]) == {"code", "severity", "sentence", "examples"}


def test_usable_drops_classes_without_images(tmp_path):
    write(tmp_path, {"a": 3, "c": 3})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.png").write_bytes(b"x")
    data = open_dataset(tmp_path)
    report = check(data)
    kept = usable(data, report)
    assert kept.classes == ("a", "c")
    assert kept.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert codes(report)["class-empty"].examples == ("b",)


def test_odd_images_are_all_accounted_for(shared_data):
    root = shared_data / "odd-images"
    before = hashes(root)
    data = open_dataset(root)
    report = check(data)
    assert {v.path: v.sha256 for v in report.files} == before == hashes(root)
    assert len(report.files) == 141
    assert report.counts["used"] + report.counts["excluded"] == 141
    assert all(bool(v.reason) == (v.status == "excluded") == bool(v.detail) for v in report.files)
    divided = split(data, report)
    assert len(divided) == report.counts["used"] == 98
    assert "made" not in divided.classes
    kinds = {code for code in codes(report) if code.startswith("kind-")}
    assert kinds == {f"kind-{word}" for word in
        ("grey", "16-bit", "alpha", "palette", "cmyk", "lab", "animated", "pages", "exif-rotated")
    }  # fmt: skip


def test_photographs(shared_data):
    data = open_dataset(shared_data / "cats-dogs")
    report = check(data)
    assert report.counts == {"found": 500, "used": 500, "excluded": 0}
    (pair,) = {tuple(np.flatnonzero(report.near_duplicate_group == 0))}
    assert {data.ids[i] for i in pair} == {"train/dogs/dog.180.jpg", "train/dogs/dog.74.jpg"}


def test_small_pictures_are_grouped_only_when_equal():
    images = np.stack([np.asarray(photograph(1, 16)) for _ in range(3)])
    images[1] ^= 1
    report = check(open_dataset((images, np.array([0, 1, 0]))))
    assert report.near_duplicate_group.tolist() == [0, -1, 0]
    assert report.counts["excluded"] == 0

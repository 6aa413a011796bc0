"""Whether a frozen part is run once: by arithmetic, memory and disk."""

import pytest

from striate.tasks import caching as source
from striate.tasks.caching import Room, free_memory, room_in, worth_caching

AMPLE = Room(10**9, 10**9)


def weighed(**changes: float):
    given = {
        "body_multiply_adds": 3.5e8,
        "tail_multiply_adds": 1e3,
        "values_per_image": 512,
        "images": 400,
        "views": 1,
        "epochs": 20,
        "room": AMPLE,
    }
    return worth_caching(**{**given, **changes})


def test_a_frozen_body_over_many_epochs_pays():
    found = weighed()
    assert found.pays
    assert found.factor == pytest.approx(20, rel=0.01)
    assert found.reason == (
        "The frozen part is computed once (1 view of an image, 0.8 MB of features in memory), "
        "which makes 20 epochs about 20.0 times cheaper."
    )


def test_more_views_than_epochs_do_not_pay():
    found = weighed(views=20)
    assert not found.pays
    assert "over 20 epochs (20 views of an image)" in found.reason
    assert weighed(views=10).factor == pytest.approx(2, rel=0.01)


def test_a_body_that_costs_little_beside_the_tail_does_not_pay():
    assert not weighed(body_multiply_adds=1e7, tail_multiply_adds=1e8).pays
    even = weighed(body_multiply_adds=1e8, tail_multiply_adds=1e8 / 3)  # trained: three times that
    assert even.factor == pytest.approx(2 / (1 + 1 / 20), rel=0.01)
    assert weighed(body_multiply_adds=1e8, tail_multiply_adds=1e7).pays


def test_large_features_go_to_a_file_where_reading_is_cheaper_than_computing():
    little = Room(10**6, 10**10)
    maps = weighed(room=little, values_per_image=512 * 13 * 13)
    assert maps.pays
    assert "138.4 MB of features in a file" in maps.reason
    assert not weighed(room=little, values_per_image=64 * 56 * 56, body_multiply_adds=2e7).pays
    assert weighed(values_per_image=64 * 56 * 56, body_multiply_adds=2e7).pays  # from memory


def test_features_that_fit_nowhere_are_refused_with_the_sizes():
    found = weighed(room=Room(10**6, 10**8), values_per_image=512 * 13 * 13)
    assert not found.pays
    assert found.reason == (
        "The frozen part runs in every epoch: its features would take 138.4 MB, more than a "
        "quarter of the free memory (1.0 MB) and of the free disk (100.0 MB)."
    )


def test_the_room_is_a_quarter_of_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "free_memory", lambda: 4000)
    monkeypatch.setattr(
        source.shutil, "disk_usage", lambda path: {tmp_path: type("D", (), {"free": 8000})}[path]
    )
    assert room_in(tmp_path / "not" / "made") == Room(1000, 2000)


MEMINFO = "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 60 kB\nHugePages_Total: 0\n"


def test_a_control_groups_limit_counts(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text(MEMINFO)
    monkeypatch.setattr(source, "MEMORY_TABLE", tmp_path / "meminfo")
    monkeypatch.setattr(source, "GROUP", tmp_path)
    assert free_memory() == 60 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("9000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 500\n")
    assert free_memory() == 60 * 1024
    (tmp_path / "memory.max").write_text("10000\n")
    assert free_memory() == 1500
    (tmp_path / "memory.max").write_text("100\n")
    assert free_memory() == 0


def test_memory_is_guessed_where_the_system_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "MEMORY_TABLE", tmp_path / "absent")
    monkeypatch.setattr(source, "GROUP", tmp_path)
    assert free_memory() > 0
    monkeypatch.delattr(source.os, "sysconf", raising=False)
    assert free_memory() == source.UNKNOWN_MEMORY

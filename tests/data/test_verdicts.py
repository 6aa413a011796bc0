"""The cache of verdicts saves time and never harms."""

import multiprocessing
import sqlite3

import pytest

from striate.data.facts import Facts
from striate.data.verdicts import BATCH, FactsCache, default_cache

FACTS = Facts(3, 4, 3, ("alpha",), look=2**63 + 1, thumb=bytes(range(256)) * 3)


def test_what_was_put_is_found_by_the_next(tmp_path):
    with FactsCache(tmp_path) as cache:
        assert cache.get("a") is None
        cache.put("a", FACTS)
    with FactsCache(tmp_path) as cache:
        assert cache.get("a") == FACTS
        assert cache.get("b") is None


@pytest.mark.parametrize("damage", [b"", b"not a database", b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_file_is_replaced(tmp_path, damage):
    with FactsCache(tmp_path) as cache:
        cache.put("a", FACTS)
    (tmp_path / "facts.sqlite").write_bytes(damage)
    with FactsCache(tmp_path) as cache:
        assert cache.get("a") is None
        cache.put("a", FACTS)
    with FactsCache(tmp_path) as cache:
        assert cache.get("a") == FACTS


def test_damaged_and_strange_rows_count_as_absent(tmp_path):
    with FactsCache(tmp_path) as cache:
        for name in "abcd":
            cache.put(name, FACTS)
    database = sqlite3.connect(tmp_path / "facts.sqlite")
    for name, text in (("a", '{"height": 4}'), ("b", "x"), ("c", 7)):
        database.execute("UPDATE facts SET facts = ? WHERE sha256 = ?", (text, name))
    database.commit()
    database.close()
    with FactsCache(tmp_path) as cache:
        assert [cache.get(name) for name in "abcd"] == [None, None, None, FACTS]


def test_a_flipped_bit_anywhere_never_gives_wrong_facts(tmp_path):
    with FactsCache(tmp_path) as cache:
        cache.put("a", FACTS)
    path = tmp_path / "facts.sqlite"
    good = path.read_bytes()
    for place in range(0, len(good), 97):
        bad = bytearray(good)
        bad[place] ^= 16
        path.write_bytes(bytes(bad))
        with FactsCache(tmp_path) as cache:
            assert cache.get("a") in (None, FACTS)


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with FactsCache(tmp_path / "file") as cache:
        cache.put("a", FACTS)
        assert cache.get("a") is None


def _fill(folder, start):
    with FactsCache(folder) as cache:
        for k in range(start, start + 3 * BATCH):
            cache.put(str(k), FACTS)


@pytest.mark.slow
def test_several_processes_share_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(tmp_path, 1000 * k)) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with FactsCache(tmp_path) as cache:
        found = [cache.get(str(1000 * k + i)) for k in range(2) for i in range(3 * BATCH)]
    assert all(facts == FACTS for facts in found)


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("STRIATE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "striate"

"""Every row can be run: its scripts are there, its environments known, its keys printed."""

from importlib.util import find_spec

import pytest
from benchmarks.environments import ENVIRONMENTS, OURS
from benchmarks.race import missing, variables
from benchmarks.rows import ROWS

CONTESTANTS = [
    pytest.param(each, id=f"{row.name}-{each.name}")
    for row in ROWS.values()
    for each in row.contestants
]


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_scripts_and_environments_exist(contestant):
    assert find_spec(f"benchmarks.contestants.{contestant.script}") is not None
    assert contestant.environment in {OURS, *ENVIRONMENTS}
    assert all(isinstance(part, str) for part in (*contestant.arguments, *contestant.command))


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_names_are_told_apart_and_ours_is_among_them(row):
    names = [each.name for each in row.contestants]
    assert len(set(names)) == len(names)
    assert row.ours in row.contestants
    assert row.ours.quick


def test_what_is_absent_is_named(tmp_path):
    (tmp_path / "mnist").mkdir()
    assert missing(ROWS["mnist"], tmp_path) == []
    assert missing(ROWS["loading"], tmp_path) == [tmp_path / "cats-dogs"]


def test_processes_have_equal_threads_and_empty_caches(tmp_path):
    found = variables(2, tmp_path)
    assert found["OMP_NUM_THREADS"] == found["TF_NUM_INTRAOP_THREADS"] == "2"
    assert found["OMP_WAIT_POLICY"] == "PASSIVE"
    for name in ("HOME", "STRIATE_CACHE", "TORCHINDUCTOR_CACHE_DIR"):
        assert found[name].startswith(str(tmp_path))

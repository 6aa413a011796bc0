"""Several processes train as one: the same weights, one voice, one end."""

import pytest

from ranked import KILLED, Forker
from striate.training import Checkpoints

EXACT = 1e-12  # of the largest weight, in float64
CLOSE = 1e-5  # in float32, after 100 steps


@pytest.fixture(scope="module")
def forker():
    with Forker() as started:
        yield started


def together(forker: Forker, ranks: int = 2, **options: object) -> dict:
    """Train shared and alone; what the first rank told, after checks that hold for all."""
    told = forker.run("equal", ranks, **options)
    assert [one["status"] for one in told] == [0] * ranks
    assert len({one["hash"] for one in told}) == 1  # bitwise the same weights everywhere
    assert all(one["losses"] == told[0]["losses"] for one in told)
    assert all(one["judged"] == told[0]["judged"] for one in told)  # by the first
    assert all(one["names"] and not one["forwards"] for one in told)  # the network is as it was
    return told[0]


def test_ranks_tell_one_another(forker):
    told = forker.run("parts", 3)
    for one in told:
        assert one["sum"] == [3.0, 0 + 1 + 2]
        assert one["first"] == "of 0"
        assert one["gathered"] == [0, 1, 2]
        assert one["any"] == [True, False]


NORMS = ("norm", "averaged norm", "flat norm", "group norm", "frozen norm", "plain", "striatenet")


@pytest.mark.parametrize("kind", NORMS)
def test_two_ranks_find_the_weights_of_one_process(forker, kind):
    told = together(forker, kind=kind, dtype="float64")
    assert told["apart"] < EXACT
    assert told["loss_apart"] < EXACT
    assert told["start"] > 0.01  # it did train


SETTINGS = {
    "average, accumulated": {"ema": 0.9, "accumulate": 4},
    "clipped": {"optimizer": "sgd", "clip_norm": 0.1},
    "one-cycle, decayed": {"schedule": "one_cycle", "weight_decay": 0.1},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_whatever_the_recipe(forker, settings):
    assert together(forker, dtype="float64", **settings)["apart"] < EXACT


@pytest.mark.parametrize("batches", ["rest", "sampler", "weights"])
def test_uneven_drawn_and_weighted_batches_count_right(forker, batches):
    told = together(forker, kind="plain", batches=batches, optimizer="sgd", learning_rate=0.1)
    assert told["apart"] < CLOSE
    assert told["loss_apart"] < CLOSE
    assert told["start"] > 0.01


def test_a_weight_that_no_rank_uses_stays_without_a_gradient(forker):
    assert together(forker, kind="idle", weight_decay=0.5)["apart"] < CLOSE


def test_three_ranks(forker):
    assert together(forker, 3, dtype="float64")["apart"] < EXACT


@pytest.mark.parametrize(
    "kind", ["norm", "group norm", pytest.param("striatenet", marks=pytest.mark.slow)]
)
def test_a_hundred_steps_in_float32_stay_close(forker, kind):
    told = together(forker, kind=kind, epochs=17, optimizer="sgd")
    assert told["apart"] < CLOSE


@pytest.mark.parametrize("stop_rank", [0, 1])
def test_a_stop_of_one_stops_all_and_resuming_changes_no_bit(forker, tmp_path, stop_rank):
    whole = forker.run("go_on", keep=str(tmp_path / "whole"))
    keep = str(tmp_path / "broken")
    stopped = forker.run("go_on", keep=keep, stop_at=8, stop_rank=stop_rank)
    assert [one["outcome"] for one in stopped] == ["interrupted"] * 2
    assert [one["steps"] for one in stopped] == [8, 8]
    assert [one["signal"] for one in stopped] == [15, 15]
    resumed = forker.run("go_on", keep=keep)
    assert [one["hash"] for one in resumed] == [whole[0]["hash"]] * 2
    assert resumed[0]["losses"] == whole[0]["losses"]
    assert resumed[0]["notices"] == resumed[1]["notices"] == []


@pytest.mark.parametrize("ranks", [1, 3])
def test_going_on_with_other_ranks_is_told(forker, tmp_path, ranks):
    forker.run("go_on", keep=str(tmp_path), stop_at=8)
    resumed = forker.run("go_on", ranks, keep=str(tmp_path))
    assert resumed[0]["outcome"] == "finished"
    (notice,) = resumed[0]["notices"]
    assert notice == f"Continuing, not bitwise as without the break: processes: 2 → {ranks}."


@pytest.mark.parametrize("record", [40, 80])
def test_a_loss_that_is_no_number_stops_all_with_one_error(forker, record):
    told = forker.run("poisoned", record=record)
    assert [one["code"] for one in told] == ["train-non-finite"] * 2
    assert told[0]["what"] == told[1]["what"]
    assert (
        f"Of its 16 images, 1 have pixels that are no finite numbers: cats/{record}.jpg."
        in (told[0]["what"])
    )
    assert told[0]["told"] == ["train-non-finite"]
    assert told[1]["events"] == 0  # only the first speaks


def test_a_killed_rank_ends_the_others_and_leaves_the_last_checkpoint(forker, tmp_path):
    told = forker.run("killed", keep=str(tmp_path), at=4)
    assert told[1]["status"] == KILLED
    assert told[0]["code"] == "train-process-lost"
    assert "Another of the 2 processes of this training has ended" in told[0]["what"]
    assert told[0]["seconds"] < 10
    assert Checkpoints(tmp_path / "checkpoints").latest().step == 3


def test_ranks_that_were_asked_for_different_things_do_not_begin(forker):
    for one in forker.run("differing"):
        assert one["code"] == "train-processes-differ"
        assert "learning_rate differ" in one["what"]

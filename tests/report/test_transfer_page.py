"""The page of a comparison of ways: whole, alone, and safe against names from strangers' disks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from report.reports import HOSTILE, Page
from striate.report.transfer_charts import differences, points, seed_dots, stage_probe
from striate.report.transfer_page import transfer_page

WAYS = {
    "scratch": ("training from scratch", [0.58, 0.61, 0.65], 41.0),
    "head": ("the head alone", [0.95, 0.91, 0.93], 7.2),
    "all": ("fine-tuning everything", [0.96, 0.97, 0.96], 96.0),
}


def estimate(value: float, half: float = 0.05) -> dict[str, Any]:
    return {"value": value, "low": max(value - half, 0), "high": min(value + half, 1), "n": 100}


def way(name: str) -> dict[str, Any]:
    said, shares, seconds = WAYS[name]
    side = 96 if name == "scratch" else 224
    runs = [
        {"seed": seed, "accuracy": share, "seconds": seconds, "folder": f"runs/{name}-seed{seed}",
         "history": [{"epoch": e, "val_accuracy": share - 0.3 / e} for e in range(1, 6)]}
        for seed, share in enumerate(shares)
    ]  # fmt: skip
    return {"way": name, "name": said, "accuracy": estimate(sum(shares) / 3), "seconds": seconds,
            "input": [side, side, 3], "runs": runs}  # fmt: skip


def stage(name: str, learnt: float, random: float, p: float) -> dict[str, Any]:
    return {"stage": name, "features": 64, "pretrained": estimate(learnt),
            "random": estimate(random), "p": p, "p_last": 1.0}  # fmt: skip


def made(**changes: Any) -> dict[str, Any]:
    """The content of a transfer.json."""
    pair = {"a_name": "the head alone", "b_name": "fine-tuning everything", "p": 0.081,
            "difference": {"value": 0.033, "low": -0.005, "high": 0.072, "n": 100},
            "holm": 0.081, "shown": False}  # fmt: skip
    return {
        "name": "cats-dogs", "created": "2026-11-21T06:00:00+00:00", "model": "squeezenet1_1",
        "weights": "squeezenet.safetensors", "classes": 2, "split": "transfer/split.csv",
        "images": {"train": 340, "val": 60, "test": 100},
        "command": "striate transfer cats-dogs --model squeezenet1_1",
        "headline": "Take the head alone: 93 % of the test images right, in 7.2 s.",
        "lead": "Fine-tuning everything had 96.3 %, but +3.3 points may be chance.",
        "sentences": ["The head alone: 93 %, 7.2 s a training."],
        "warnings": [], "ways": [way(name) for name in WAYS], "pairs": [pair],
        "reference": "the head alone",
        "differences": [{"name": "fine-tuning everything", "shown": False, **pair["difference"]}],
        "tested": ["For every image, the share of seeds that were right."],
        "probe": {"stages": [stage("conv1", 0.65, 0.63, 0.8), stage("fire9", 0.92, 0.6, 1e-6)],
                  "chance": 0.53, "train": 340, "val": 60, "advice": ["The head is enough."]},
        **changes,
    }  # fmt: skip


def test_the_answer_stands_first_and_every_number_is_there() -> None:
    page = Page(transfer_page(made()))
    text = page.text
    assert text.index("Take the head alone") < text.rindex("The ways, seed by seed")
    assert "93\u00a0% of the test images right" in text
    for words in ("58\u202f%", "61\u202f%", "65\u202f%", "41\u00a0s", "7.2\u00a0s", "96.3\u202f%"):
        assert words in text
    assert "88–98\u202f%" in text  # the interval of the head alone
    assert "+3.3" in text
    assert "−0.5\u00a0to\u00a0+7.2" in text
    assert "may be chance" in text
    assert "training from scratch 96 × 96; the head alone 224 × 224" in text
    assert [a["id"] for a in page.all("section")] == [
        "ways",
        "pairs",
        "courses",
        "probe",
        "account",
    ]
    assert len(page.all("svg")) >= 6


def test_pictures_have_a_mark_for_every_seed_and_stage() -> None:
    ways = made()["ways"]
    drawn = seed_dots("k", ways)
    assert drawn.count('class="ring"') == 9
    assert drawn.count('class="interval"') == 3
    assert "the head alone: mean 93\u202f% of 95\u202f%, 91\u202f%, 93\u202f%" in Page(drawn).text
    probed = stage_probe("k", made()["probe"])
    assert probed.count('class="thin s1"') == probed.count('class="thin s2"') == 2
    assert "fire9 92\u202f% against 60\u202f%" in Page(probed).text


def test_equal_accuracies_can_all_be_seen() -> None:
    same = way("head")
    same["runs"] = [{**run, "accuracy": 0.9} for run in same["runs"]]
    heights = set(re.findall(r'class="ring" cx="[^"]*" cy="([^"]*)"', seed_dots("k", [same])))
    assert len(heights) == 3


def test_a_difference_is_drawn_to_scale() -> None:
    rows = [{"name": "b", "value": 0.05, "low": 0.0, "high": 0.1, "shown": True}]
    drawn = differences("k", "a", rows)
    left, right = 18, 340 - 18  # 0 and 10 points
    assert f'x="{left}" y="35" width="{right - left}"' in drawn
    assert f'class="value" x1="{(left + right) // 2}"' in drawn
    assert "b: +5.0 (0.0 to +10.0), shown." in Page(drawn).text


@pytest.mark.parametrize(
    ("value", "said"), [(3.31, "+3.3"), (-0.04, "0.0"), (-5, "−5.0"), (0, "0.0")]
)
def test_points_have_a_sign(value: float, said: str) -> None:
    assert points(value) == said


def test_parts_that_are_missing_are_left_out() -> None:
    page = Page(transfer_page(made(ways=[], pairs=[], probe=None, headline=None, lead=None)))
    assert "No training is done yet." in page.text
    assert [a["id"] for a in page.all("section")] == ["account"]
    without = made()
    for each in without["ways"]:
        for run in each["runs"]:
            run["history"] = []
    assert 'id="courses"' not in transfer_page(without)
    fewer = made()
    fewer["ways"][0]["runs"] = fewer["ways"][0]["runs"][:1]
    assert "–</td>" in transfer_page(fewer)  # a seed that is not trained yet


def test_warnings_are_told_at_the_top() -> None:
    text = Page(transfer_page(made(warnings=["6 of 9 trainings are done."]))).text
    assert text.index("6 of 9") < text.rindex("The ways, seed by seed")


@pytest.mark.parametrize("bad", HOSTILE)
def test_names_cannot_become_markup(bad: str) -> None:
    content = made(name=bad, model=bad, weights=bad, command=bad, headline=bad, warnings=[bad])
    content["probe"]["stages"][0]["stage"] = bad
    content["ways"][0]["runs"][0]["folder"] = bad
    page = Page(transfer_page(content))
    assert not page.all("script")
    assert not page.all("img")
    assert "\u202e" not in page.text


def test_nothing_leaves_the_page() -> None:
    page = transfer_page(made())
    assert not re.search(r"https?://|@import|<script| style=", page)
    assert "default-src" in page


def test_what_the_page_is_made_of_is_json() -> None:
    assert json.loads(json.dumps(made())) == made()
    assert not Path("transfer.html").exists()

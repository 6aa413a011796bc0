"""Which images of a class are typical, wrong and uncertain, by labels and answers alone."""

from dataclasses import replace

import numpy as np
import pytest

from striate.data import ArrayStore, Dataset
from striate.errors import DataError
from striate.tasks.gallery_cases import cases_of, shown_classes
from striate.tasks.gallery_data import Judged

CLASSES = ("circle", "square", "star")


def judged(task, labels, values) -> Judged:
    labels, values = np.array(labels), np.array(values, dtype=np.float64)
    count = len(labels)
    text = np.full(count, "")
    dataset = Dataset(
        source="made", root=None, task=task, classes=CLASSES,
        ids=tuple(f"{number}.png" for number in range(count)), labels=labels, split=text,
        groups=text, images=ArrayStore(np.zeros((count, 2, 2, 3), np.uint8), np.arange(count)),
    )  # fmt: skip
    rows = np.arange(count)
    return Judged(dataset, None, rows, values, rows, ())  # type: ignore[arg-type]  # no pixels


@pytest.fixture
def one() -> Judged:
    """Of one label: three circles right, one taken for a star, one for a square; and a square."""
    return judged(
        "single_label",
        [0, 0, 0, 0, 0, 1],
        [[0.6, 0.3, 0.1], [0.9, 0.1, 0], [0.1, 0.2, 0.7], [0.45, 0.4, 0.15], [0.1, 0.8, 0.1],
         [0.2, 0.8, 0]],
    )  # fmt: skip


@pytest.fixture
def several() -> Judged:
    """Of several: circles found at .9, .7, missed at .2, .45; named falsely at .95; absent at .4;
    squares found at .9 and .8, and absent elsewhere; no stars."""
    return judged(
        "multi_label",
        [[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]],
        [[0.7, 0, 0], [0.9, 0.9, 0], [0.2, 0, 0], [0.45, 0, 0], [0.95, 0.8, 0], [0.4, 0, 0],
         [0.01, 0, 0]],
    )  # fmt: skip


def rows(kinds):
    return {kind: cases.places.tolist() for kind, cases in kinds.items()}


def test_of_one_label_a_class_is_asked_of_its_own_images(one) -> None:
    cases = cases_of(one, 0)
    found = cases.kinds(1)
    assert rows(found) == {"typical": [1, 0, 3], "wrong": [4, 2], "uncertain": [3, 0, 2]}
    assert found["wrong"].targets.tolist() == [1, 2]  # what was answered
    assert cases.share == pytest.approx(3 / 5)
    assert rows(cases.kinds(9))["uncertain"] == []  # all are shown already


def test_of_several_labels_a_class_is_asked_of_every_image(several) -> None:
    cases = cases_of(several, 0)
    found = cases.kinds(1)
    assert rows(found) == {
        "typical": [1, 0],
        "wrong": [4, 2, 3],  # named falsely at .95, missed at .2 and .45
        "uncertain": [3, 5, 0, 2, 6],  # one half first
    }
    assert all(kind.targets.tolist() == [0] * len(kind.places) for kind in found.values())
    assert found["wrong"].there.tolist() == [False, True, True]
    assert cases.share == pytest.approx(2 / 5)
    assert cases_of(several, 1).kinds(4)["wrong"].places.size == 0


def test_one_half_names_a_label(several) -> None:
    several = replace(several, values=np.full((7, 3), 0.5))
    cases = cases_of(several, 0)
    assert cases.right.tolist() == cases.there.tolist() == [True] * 4 + [False] * 3


def test_an_answer_is_right_with_all_of_its_labels(one, several) -> None:
    assert one.right.tolist() == [True, True, False, True, False, True]
    assert several.right.tolist() == [True, True, False, False, False, True, True]


def test_classes_of_the_data_are_shown_the_worst_where_there_are_many(
    several, one, monkeypatch
) -> None:
    assert shown_classes(several, CLASSES, None) == ([0, 1], [])
    assert shown_classes(several, CLASSES, ("square", "star")) == ([1], [])
    monkeypatch.setattr("striate.tasks.gallery_cases.MOST_CLASSES", 1)
    assert shown_classes(several, CLASSES, None) == ([0], ["square"])
    assert shown_classes(one, CLASSES, None) == ([0], ["square"])
    for data in (one, several):
        with pytest.raises(DataError, match=r"no image of star.*They have circle, square"):
            shown_classes(data, CLASSES, ("star",))

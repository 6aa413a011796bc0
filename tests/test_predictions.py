"""What a model says of images, by name."""

import numpy as np
import pytest

from striate.predictions import Predictions, Unreadable

LOST = Unreadable("c.png", "truncated", "It ends early.")


@pytest.fixture
def found() -> Predictions:
    values = np.array([[0.2, 0.7, 0.1], [0.4, 0.2, 0.4]])
    return Predictions("single_label", ("cat", "dog", "emu"), ("a.png", "b.png"), values, (LOST,))


def test_the_most_probable_class_is_the_label(found):
    assert (found[0].label, found[0].probability) == ("dog", 0.7)
    assert list(found[0].probabilities) == ["dog", "cat", "emu"]
    assert found[1].label == "cat"  # of equals the first
    assert found.labels == ["dog", "cat"]
    assert [one.id for one in found] == ["a.png", "b.png"]
    assert len(found) == 2


def test_the_numbers_are_an_array(found):
    assert np.array_equal(np.asarray(found), found.values)


def test_several_labels_are_those_above_one_half():
    values = np.array([[0.6, 0.5, 0.1], [0.1, 0.2, 0.3]])
    found = Predictions("multi_label", ("cat", "dog", "emu"), ("a", "b"), values)
    assert found.labels == ["cat|dog", ""]
    assert found[0].probability is None


def test_a_number_is_its_own_label():
    found = Predictions("regression", ("age",), ("a",), np.array([3.5]))
    assert found[0].label == 3.5
    assert found[0].probabilities == {}
    assert found.to_json() == {"predictions": [{"path": "a", "label": 3.5}], "unreadable": []}


def test_json_has_all_classes_or_the_first(found):
    assert found.to_json(top=1) == {
        "predictions": [
            {"path": "a.png", "label": "dog", "probability": 0.7, "probabilities": {"dog": 0.7}},
            {"path": "b.png", "label": "cat", "probability": 0.4, "probabilities": {"cat": 0.4}},
        ],
        "unreadable": [{"path": "c.png", "reason": "truncated", "detail": "It ends early."}],
    }
    assert len(found.to_json()["predictions"][0]["probabilities"]) == 3


def test_it_reads_as_a_list(found):
    lines = ["a.png: dog (70.0%)", "b.png: cat (40.0%)", "c.png: unreadable (truncated)"]
    assert repr(found).splitlines() == lines
    many = Predictions("regression", ("x",), tuple("abcdefghijkl"), np.zeros(12))
    assert repr(many).splitlines()[-1] == "… 2 more"
    assert repr(Predictions("regression", ("x",), (), np.zeros(0))) == "no images"

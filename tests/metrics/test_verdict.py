"""The verdict says what was shown, and no more."""

import numpy as np

from striate.metrics import judge, verdict


def single(confusion, names) -> str:
    """The verdict on answers that make this confusion matrix."""
    k = len(names)
    targets = np.repeat(np.arange(k), np.sum(confusion, axis=1))
    answers = np.concatenate([np.repeat(np.arange(k), row) for row in confusion])
    p = np.where(answers[:, None] == np.arange(k), 0.9, 0.1 / (k - 1))
    return verdict("single_label", judge("single_label", p, targets, names, resamples=20))


def test_a_good_result() -> None:
    said = single([[100, 0, 0], [1, 89, 3], [0, 0, 80]], ["cat", "dog", "owl"])
    assert said == (
        "Right on 269 of 273 test images: 98.5 % (96.3–99.4 %, 95 % interval). "
        "Weakest class: dog (recall 96 %, 93 images), most often mistaken for owl. "
        "Always guessing the commonest class, cat, would be right on 36.6 %."
    )


def test_a_perfect_result_on_few_images() -> None:
    assert single([[10, 0], [0, 10]], ["cat", "dog"]) == (
        "Right on all 20 test images: 100 % (83.9–100 %, 95 % interval). "
        "Always guessing the commonest class, cat, would be right on 50.0 %. "
        "The test part is small (20 images): the intervals are wide, and rightly so."
    )


def test_nearly_all_of_very_many_is_not_all() -> None:
    near = {"value": 1 - 1e-8, "low": 1 - 2e-7, "high": 1 - 1e-12, "n": 10**8}
    judged = {
        "metrics": {"accuracy": near},
        "per_class": [{"class": name, "support": 9, "recall": near} for name in "ab"],
        "confusion_matrix": [[9, 0], [1, 9]],
        "baseline": {"n": 10**8, "class": "a", "accuracy": 1e-8},
        "notes": [],
    }
    said = verdict("single_label", judged)
    assert "on 99,999,999 of 100,000,000 test images: 99.9999 % (99.9999–100 %, 95 %" in said
    assert "recall 99.9999 %" in said
    assert "right on 0.0001 %" in said


def test_no_better_than_a_guess() -> None:
    said = single([[80, 10], [15, 5]], ["cat", "dog"])
    assert "cat, would be right on 81.8 %: the network is not shown to be better than that." in said


def test_absent_and_rare_classes_are_named() -> None:
    said = single([[60, 0, 0], [0, 0, 0], [0, 1, 2]], ["cat", "dog", "owl"])
    assert "No test image shows dog: it is left out of the averages." in said
    assert "Fewer than 5 test images show owl: a recall of 0 % there could still be 49 %." in said
    assert "Weakest class" not in single([[60, 0], [0, 0]], ["cat", "dog"])


def test_one_class_only_says_nothing_about_the_others() -> None:
    said = single([[60, 3], [0, 0]], ["cat", "dog"])
    assert "Every test image is of class cat: this says nothing about the others." in said


def test_several_labels() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((200, 2)) < 0.3
    p = (targets + rng.random((200, 2))) / 2
    said = verdict("multi_label", judge("multi_label", p, targets, ["sea", "sky"], resamples=50))
    assert said.startswith("All labels right on 200 of 200 test images: 100 % (98.1–100 %")
    assert "Mean average precision 100 %" in said
    assert "guessing would give 26.2 %" in said


def test_regression() -> None:
    rng = np.random.default_rng(0)
    targets = 10 * rng.normal(size=300)
    good = judge("regression", targets + rng.normal(size=300), targets, ["age"], resamples=100)
    said = verdict("regression", good)
    assert said.startswith("Off by 0.7")
    assert "Always answering the middle value would be off by 8.19" in said
    assert said.endswith("It explains 99 % of the variance.")
    bad = judge("regression", 20 * rng.normal(size=300), targets, ["age"], resamples=100)
    assert "not shown to be better than that" in verdict("regression", bad)
    assert verdict("regression", bad).endswith("It explains none of the variance.")

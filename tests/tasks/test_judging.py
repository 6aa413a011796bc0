"""What a report says follows from what the network answered, image by image."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as peer

from striate.data import open_dataset
from striate.tasks.judging import judge_model, write_predictions
from striate.tasks.loading import store_for
from striate.training import ignore

EXACT = {"rel": 0, "abs": 1e-8}


@pytest.fixture(scope="module")
def table(trained):
    return pq.read_table(trained.files.predictions)


@pytest.fixture(scope="module")
def answers(table) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probabilities [n, classes], true classes [n] and names, from the parquet alone."""
    classes = json.loads(table.schema.metadata[b"classes"])
    truth = np.array([classes.index(name) for name in table.column("true").to_pylist()])
    return np.array(table.column("probabilities").to_pylist()), truth, classes


def test_every_metric_is_that_of_scikit_learn(trained, answers):
    probabilities, truth, classes = answers
    said = probabilities.argmax(axis=1)
    one_hot = np.eye(len(classes))[truth]
    expected = {
        "accuracy": peer.accuracy_score(truth, said),
        "balanced_accuracy": peer.balanced_accuracy_score(truth, said),
        "macro_f1": peer.f1_score(truth, said, average="macro"),
        "macro_auc": np.mean(
            [peer.roc_auc_score(one_hot[:, k], probabilities[:, k]) for k in range(3)]
        ),
        "negative_log_likelihood": peer.log_loss(truth, probabilities),
        "brier_score": ((probabilities - one_hot) ** 2).sum(axis=1).mean(),
    }
    found = {name: one.value for name, one in trained.report.metrics.items()}
    assert {name: found[name] for name in expected} == pytest.approx(expected, **EXACT)
    assert {one.n for one in trained.report.metrics.values()} == {len(truth)}


def test_so_is_every_class_and_the_confusion_matrix(trained, answers):
    probabilities, truth, _ = answers
    said = probabilities.argmax(axis=1)
    precision, recall, f1, support = peer.precision_recall_fscore_support(
        truth, said, labels=range(3), zero_division=0
    )
    rows = trained.report["per_class"]
    assert [row["support"] for row in rows] == support.tolist()
    for name, values in (("recall", recall), ("f1", f1), ("precision", precision)):
        assert [row[name]["value"] or 0.0 for row in rows] == pytest.approx(values, **EXACT)
    assert trained.report["confusion_matrix"] == peer.confusion_matrix(truth, said).tolist()


def test_probabilities_are_the_softened_outputs(trained, table, answers):
    outputs = np.array(table.column("outputs").to_pylist(), np.float64) / trained.model.temperature
    softened = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    softened /= softened.sum(axis=1, keepdims=True)
    assert answers[0] == pytest.approx(softened, **EXACT)


def test_the_rows_are_the_test_part(trained, table):
    assert table.num_rows == trained.report["data"]["by_split"]["test"]
    assert set(table.column("split").to_pylist()) == {"test"}
    with trained.files.split.open() as file:
        parts = dict(line.split(",")[:3:2] for line in file.read().splitlines()[1:])
    assert {parts[name] for name in table.column("id").to_pylist()} == {"test"}


def test_no_images_no_scores(trained, pictures, tmp_path):
    empty = open_dataset(pictures).select([])
    judged = judge_model(trained.model, empty, store_for(empty, trained.model), ignore)
    assert judged.scores == {}
    assert "no test part" in judged.sentence
    write_predictions(tmp_path / "p.parquet", {"test": judged})
    assert pq.read_table(tmp_path / "p.parquet").num_rows == 0


def test_mistakes_are_wrong_and_the_most_confident_first(trained):
    mistakes, hardest = trained.report["mistakes"], trained.report["hardest"]
    assert all(entry["true"] != entry["predicted"] for entry in mistakes)
    sure = [entry["probability"] for entry in mistakes]
    assert sure == sorted(sure, reverse=True)
    of_truth = [entry["true_probability"] for entry in hardest]
    assert of_truth == sorted(of_truth)
    for entry in (*mistakes, *hardest):
        assert entry["overlay"] is not None
        distances = [neighbour["distance"] for neighbour in entry["neighbours"]]
        assert len(distances) == 3
        assert distances == sorted(distances)

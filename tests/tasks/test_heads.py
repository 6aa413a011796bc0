"""Heads fitted by scikit-learn answer as scikit-learn does, whatever becomes of the network."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as draw

import striate as st
from striate import zoo
from striate.errors import DataError, UnknownName, UsageError
from striate.nn.feature_heads import feature_rows, put_head
from striate.tasks.heads import ABSENT, fit_head, linear_pipeline, nearest_pipeline

KINDS = ("logistic", "svm", "knn")


def clouds(images: int, channels: int, classes: int, seed: int = 0):
    """Features like those behind a ReLU, float32 [n, K], that tell classes apart in part."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    centres = random.normal(size=(classes, channels))
    rows = np.maximum(random.normal(size=(images, channels)) + centres[labels], 0)
    return rows.astype(np.float32), labels


def peer(described, rows, labels):
    """scikit-learn's own with what was chosen."""
    if described["kind"] == "knn":
        pipeline = nearest_pipeline(
            described["neighbours"], described["metric"], described["standardised"]
        )
    else:
        pipeline = linear_pipeline(described["kind"], described["C"])
    return pipeline.fit(rows.astype(np.float64), labels)


def logits_of(fitted, rows) -> torch.Tensor:
    with torch.no_grad():
        return fitted.module(torch.from_numpy(rows)).double()


def clear(pipeline, rows):
    """Rows that scikit-learn does not decide by rounding: no two scores within 1e-4, and none
    equally far at the edge of the neighbourhood."""
    rows = rows.astype(np.float64)
    votes = pipeline[-1]
    if hasattr(votes, "n_neighbors"):
        if votes.n_neighbors == votes.n_samples_fit_:
            return np.full(len(rows), True)
        far, _ = votes.kneighbors(pipeline[0].transform(rows), votes.n_neighbors + 1)
        return far[:, -1] - far[:, -2] > 1e-6
    scores = pipeline.decision_function(rows)
    if scores.ndim == 1:
        return np.abs(scores) > 1e-4
    first = np.sort(scores, axis=1)
    return first[:, -1] - first[:, -2] > 1e-4


@settings(max_examples=12, deadline=None)
@given(
    kind=draw.sampled_from(KINDS),
    classes=draw.sampled_from([2, 3, 7]),
    missing=draw.booleans(),
    images=draw.integers(15, 45),
    channels=draw.integers(1, 30),
    seed=draw.integers(0, 1000),
    whole=draw.booleans(),
)
def test_answers_are_those_of_scikit_learn(kind, classes, missing, images, channels, seed, whole):
    """With whole features many images are equally far and many votes equal."""
    rows, labels = clouds(images, channels, classes, seed)
    labels = labels + missing * (labels > 0)  # no image of class 1
    rows = np.round(rows) if whole else rows
    fitted = fit_head(kind, rows, labels, classes=classes + 2, seed=seed)
    own = peer(fitted.described, rows, labels)
    new = np.concatenate([rows, clouds(40, channels, classes, seed + 1)[0]])
    sure = clear(own, new)
    logits = logits_of(fitted, new)
    assert np.array_equal(logits.argmax(dim=1)[sure], own.predict(new.astype(np.float64))[sure])
    if kind != "svm":
        given = own.predict_proba(new.astype(np.float64))
        ours = logits.softmax(dim=1)[:, own[-1].classes_].numpy()
        np.testing.assert_allclose(ours[sure], given[sure], atol=1e-4)


@pytest.mark.parametrize("classes", [2, 4])
def test_logits_of_the_svm_are_its_decision_values(classes):
    rows, labels = clouds(60, 20, classes)
    fitted = fit_head("svm", rows, labels, classes=classes)
    decisions = peer(fitted.described, rows, labels).decision_function(rows.astype(np.float64))
    if classes == 2:
        decisions = np.stack([-decisions, decisions], axis=1)
    np.testing.assert_allclose(logits_of(fitted, rows), decisions, atol=1e-4)


def test_a_class_without_images_is_never_the_answer():
    rows, labels = clouds(60, 20, 2)
    for kind in KINDS:
        logits = logits_of(fit_head(kind, rows, 3 * labels, classes=4), 100 * rows)
        assert set(logits.argmax(dim=1).tolist()) <= {0, 3}
    assert logits_of(fit_head("svm", rows, 3 * labels, classes=4), rows)[0, 1] == ABSENT


@pytest.mark.parametrize("kind", KINDS)
def test_equal_input_gives_equal_bits_and_a_reason(kind):
    rows, labels = clouds(80, 30, 3)
    one, two = (fit_head(kind, rows, labels, classes=3, seed=5) for _ in range(2))
    assert one.described == two.described
    assert one.reasons == two.reasons
    for name, tensor in one.module.state_dict().items():
        assert torch.equal(tensor, two.module.state_dict()[name])
    assert "30" in one.reasons[0]
    assert "5-fold cross-validation on 80 training images" in one.reasons[0]


def test_noise_wants_weights_held_back_and_signal_does_not():
    random = np.random.default_rng(0)
    noise = random.normal(size=(200, 50)).astype(np.float32)
    labels = random.integers(0, 2, 200)
    told = noise + 1.5 * labels[:, None] * (np.arange(50) == 3)
    clean = (labels[:, None] * np.ones((200, 5)) + 0.01 * noise[:, :5]).astype(np.float32)
    strengths = [
        fit_head("logistic", rows, labels, classes=2).described["C"]
        for rows in (noise, told, clean)
    ]
    assert strengths == sorted(strengths)
    assert strengths[0] <= 1e-2
    assert strengths[2] == 10


def test_what_is_far_in_angle_or_in_place_chooses_the_metric():
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    lengths = random.uniform(0.1, 10, (200, 1))
    angles = 0.3 * labels[:, None] + 0.02 * random.normal(size=(200, 1)) + [[0, np.pi / 2]]
    by_angle = (lengths * np.sin(angles)).astype(np.float32)
    assert fit_head("knn", by_angle, labels, classes=2).described["metric"] == "cosine"
    by_length = (np.ones((200, 2)) * (1 + labels[:, None])).astype(np.float32)
    by_length += 0.02 * random.normal(size=(200, 2)).astype(np.float32)
    assert fit_head("knn", by_length, labels, classes=2).described["metric"] == "euclidean"


@pytest.mark.parametrize("kind", KINDS)
def test_few_images_are_fitted_as_usual_and_it_says_so(kind):
    rows, labels = clouds(4, 6, 2)
    fitted = fit_head(kind, rows, labels, classes=2)
    assert "too few images" in fitted.reasons[0]
    lonely = np.zeros(60, int)
    lonely[7] = 1  # a class of one image cannot be held out
    rows, _ = clouds(60, 6, 2)
    assert "too few images" in fit_head(kind, rows, lonely, classes=2).reasons[0]


@pytest.mark.parametrize("kind", ["logistic", "svm"])
def test_each_of_several_labels_is_fitted_alone(kind):
    rows, first = clouds(90, 12, 2)
    labels = np.stack([first, np.arange(90) % 3 == 0, np.zeros(90), np.ones(90)], axis=1)
    fitted = fit_head(kind, rows, labels, classes=4, task="multi_label")
    logits = logits_of(fitted, rows)
    for column in (0, 1):
        own = linear_pipeline(kind, fitted.described["C"][column])
        own.fit(rows.astype(np.float64), labels[:, column])
        decisions = own.decision_function(rows.astype(np.float64))
        np.testing.assert_allclose(logits[:, column], decisions, atol=1e-4)
    assert torch.allclose(logits[:, 2:].exp(), torch.tensor([0.5 / 90.5, 90.5 / 0.5]).double())


def test_what_cannot_be_fitted_is_refused():
    rows, labels = clouds(30, 5, 3)
    with pytest.raises(UnknownName, match="logistic"):
        fit_head("logistics", rows, labels, classes=3)
    with pytest.raises(UsageError, match=r"targets are numbers.*--head linear"):
        fit_head("svm", rows, labels, classes=1, task="regression")
    with pytest.raises(UsageError, match="several labels"):
        fit_head("knn", rows, np.eye(3)[labels], classes=3, task="multi_label")
    with pytest.raises(DataError, match=r"\[30, 5\] and \[29\]"):
        fit_head("svm", rows, labels[1:], classes=3)
    with pytest.raises(DataError, match=r"0\.\.1, got 0 to 2"):
        fit_head("svm", rows, labels, classes=2)
    with pytest.raises(DataError, match="All 30 training images"):
        fit_head("knn", rows, 0 * labels, classes=2)
    with pytest.raises(DataError, match="1 of 30 images"):
        fit_head(
            "knn", np.where(np.arange(150).reshape(30, 5) == 7, np.nan, rows), labels, classes=3
        )


CAFFE = st.Preprocessing(
    size=(224, 224), canvas=(256, 256), mean=(123 / 255, 117 / 255, 104 / 255), std=(1 / 255,)
)


@pytest.fixture(scope="module")
def photographs(shared_data: Path):
    """The network with published weights; images [N, 3, 224, 224] and labels to fit and to test."""
    network = zoo.create("squeezenet1_1", classes=2).eval()
    with warnings.catch_warnings():
        zoo.load_foreign(network, shared_data / "weights" / "squeezenet1_1-imagenet.safetensors")
    parts = {}
    for part in ("train", "test"):
        folders = sorted((shared_data / "cats-dogs" / part).iterdir())
        files = [sorted(folder.iterdir())[:50] for folder in folders]
        images = torch.cat([CAFFE([file.read_bytes() for file in few]) for few in files])
        parts[part] = images, np.repeat([0, 1], [len(few) for few in files])
    return network, parts["train"], parts["test"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_photographs_are_told_as_scikit_learn_does_after_all(kind, photographs, tmp_path: Path):
    network, (images, labels), (new, truth) = photographs
    with torch.no_grad():
        rows, others = (feature_rows(network.features(each)).numpy() for each in (images, new))
    fitted = fit_head(kind, rows, labels, classes=2)
    put_head(network, fitted.module)
    expected = peer(fitted.described, rows, labels).predict(others.astype(np.float64))
    assert (expected == truth).mean() >= 0.8
    model = st.Model(network, classes=("cat", "dog"), preprocessing=CAFFE)
    loaded = st.load(model.save(tmp_path / "model.safetensors"))
    assert np.array_equal(loaded.predict(new).argmax(axis=1), expected)
    program = torch.export.export(loaded.network.eval(), (new[:50],))
    answers = [program.module()(few).argmax(dim=1) for few in new.split(50)]
    assert np.array_equal(torch.cat(answers), expected)

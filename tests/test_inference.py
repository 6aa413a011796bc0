"""One forward pass for all: modes are put back, threads do not meet, engines answer alike."""

import threading
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch import Tensor, nn

from engines.small import answers, images, network
from striate import Model
from striate.engines import Fastest, fastest
from striate.errors import ShapeError, UnknownName, UsageError
from striate.inference import (
    Asking,
    network_outputs,
    probabilities,
    together_evaluating,
)

needs_openvino = pytest.mark.skipif(
    not find_spec("openvino"), reason="OPENVINO ABSENT: pip install 'striate[openvino]'"
)


def modes(net: nn.Module) -> list[bool]:
    return [module.training for module in net.modules()]


def test_outputs_are_those_of_evaluation_and_modes_are_put_back() -> None:
    net = network()
    net[1].eval()
    before = modes(net)
    found = network_outputs(net, torch.split(images(7), 3))
    torch.testing.assert_close(torch.from_numpy(found), answers(net, images(7)))
    assert modes(net) == before
    with pytest.raises(ShapeError):
        network_outputs(net, [torch.zeros(1, 4, 8, 8)])
    assert modes(net) == before
    assert network_outputs(net, []).shape == (0,)


def test_a_thread_that_leaves_does_not_turn_dropout_on_for_another() -> None:
    """Two networks around shared layers, as graphs of layers are cut anew at each call."""
    layer = nn.Dropout()
    one, other = nn.Sequential(layer), nn.Sequential(layer)
    with together_evaluating(one):
        with together_evaluating(other):
            assert not layer.training
        assert not layer.training
        assert not one.training
        assert other.training
    assert layer.training


def test_threads_get_what_one_gets() -> None:
    net, wrong = network(), []

    def ask(seed: int) -> None:
        mine = images(4, seed)
        for _ in range(30):
            if not np.allclose(network_outputs(net, [mine]), right[seed], atol=1e-5):
                wrong.append(seed)

    right = [answers(net, images(4, seed)).numpy() for seed in range(5)]
    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(modes(net))


@needs_openvino
def test_a_model_answers_alike_by_every_engine(monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    model = Model(network(), classes=list("abcde"))
    model.compile(loss="sparse_categorical_crossentropy")
    plain = model.predict(images(9), engine="torch")
    assert model._fastest._ready is None
    fast = model.predict(images(9), engine="openvino")
    assert model._fastest._ready is not None
    assert model._fastest._ready.name == "openvino"
    np.testing.assert_allclose(fast, plain, atol=1e-5)
    assert (fast != plain).any(), "it was another engine"
    labels = np.arange(9) % 5
    by_torch = model.evaluate(images(9), labels, engine="torch")
    by_engine = model.evaluate(images(9), labels, engine="openvino")
    assert by_engine["loss"].value == pytest.approx(by_torch["loss"].value, abs=1e-4)
    assert by_engine["accuracy"].value == by_torch["accuracy"].value


@needs_openvino
def test_a_model_that_is_trained_on_answers_anew(monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    model = Model(network())
    model.compile(loss="sparse_categorical_crossentropy", learning_rate=0.1)
    before = model.predict(images(9), engine="openvino")
    model.fit(images(9), np.arange(9) % 5, epochs=2, verbose=False)
    after = model.predict(images(9), engine="openvino")
    assert abs(after - before).max() > 0.01
    np.testing.assert_allclose(after, model.predict(images(9), engine="torch"), atol=1e-5)


def test_few_images_are_torchs_to_the_last_bit() -> None:
    model = Model(network())
    assert (model.predict(images(9)) == model.predict(images(9), engine="torch")).all()
    assert model._fastest._ready is None


def test_engines_that_are_not_there_are_told(monkeypatch) -> None:
    model = Model(network())
    monkeypatch.setenv("STRIATE_OPENVINO", "0")
    with pytest.raises(UsageError, match="openvino is not installed"):
        model.predict(images(2), engine="openvino")
    with pytest.raises(UnknownName, match="cudnn"):
        model.predict(images(2), engine="cudnn")
    monkeypatch.setenv("STRIATE_ENGINE", "openvino")
    with pytest.raises(UsageError, match="openvino is not installed"):
        model.predict(images(2))
    assert model.predict(images(2), engine="torch").shape == (2, 5)


@needs_openvino
def test_missing_numbers_stay_missing(monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    model = Model(network())
    model.predict(images(2), engine="openvino")
    strange = images(2)
    strange[1] = torch.nan
    found = model.predict(strange, engine="openvino")
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_what_torch_took_is_told_with_what_is_ahead(monkeypatch) -> None:
    heard = []

    def hear(self: Fastest, net: nn.Module, given: Tensor, *about: object) -> None:
        heard.append((len(given), about[2]))
        assert not net.training

    monkeypatch.setattr(fastest.Fastest, "heard", hear)
    batches = torch.split(images(7), 3)
    network_outputs(network(), batches, Asking("auto", Fastest(), images=7))
    assert heard == [(3, 4), (3, 1), (1, 0)]
    heard.clear()
    network_outputs(network(), batches, Asking("torch", Fastest(), images=7))
    network_outputs(network(), batches)
    assert not heard


def test_probabilities_are_scipys() -> None:
    outputs = np.random.default_rng(0).normal(0, 30, (50, 4)).astype(np.float32)
    exact = outputs.astype(np.float64)
    found = probabilities("single_label", outputs, temperature=1.3)
    assert (found == softmax(exact / 1.3, axis=1)).all()
    assert (probabilities("multi_label", outputs) == expit(exact)).all()
    assert probabilities("regression", outputs[:, :1], target_scale=(2.0, 3.0)).shape == (50,)

"""How a penalty reaches the loss: through `fit`, by layer and everywhere."""

import numpy as np
import pytest
import torch

from striate import Sequential, layers, load
from striate.layers import L1, L2, Dense
from striate.nn import penalty

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def trained(regularizer=None, everywhere=None, rate=0.1):
    torch.manual_seed(0)
    model = Sequential([layers.Input((6,)), Dense(2, "softmax", kernel_regularizer=regularizer)])
    before = model.network[0].weight.detach().clone()
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        learning_rate=rate,
        kernel_regularizer=everywhere,
    )
    history = model.fit(X, Y, batch_size=64, epochs=1, verbose=False)
    return model, before, history.history["loss"][0]


@pytest.mark.parametrize("by_layer", [True, False])
def test_one_step_of_fit_goes_down_the_loss_and_the_penalty(by_layer):
    plain, start, loss = trained()
    strength = {"regularizer": L2(0.3)} if by_layer else {"everywhere": L2(0.3)}
    kept_small, same_start, dearer = trained(**strength)
    assert torch.equal(start, same_start)
    assert dearer == pytest.approx(loss + 0.3 * start.square().sum().item(), rel=1e-5)
    expected = plain.network[0].weight - 0.1 * 2 * 0.3 * start
    torch.testing.assert_close(kept_small.network[0].weight, expected)


def test_evaluation_gives_the_loss_without_the_penalty():
    model, _, _ = trained(L1(5.0))
    probabilities = model.predict(X)[np.arange(64), Y]
    assert model.evaluate(X, Y)["loss"].value == pytest.approx(
        -np.log(probabilities).mean(), rel=1e-5
    )


def test_penalties_are_kept_in_the_model_file(tmp_path):
    model, _, _ = trained(L1(0.5), "l2")
    again = load(model.save(tmp_path / "model.safetensors"))
    assert again.layers == model.layers
    assert again._compiled == model._compiled
    assert penalty(again.network).item() == pytest.approx(penalty(model.network).item())
    assert penalty(again.network).item() > 0

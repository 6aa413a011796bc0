"""Optimizers as data: Keras's names and defaults, torch's arithmetic."""

import numpy as np
import pytest
import torch
from torch import nn

import striate as st
from striate import layers, optimizers
from striate.errors import UnknownName, UsageError

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5], [3.0]], np.float32)[:, 0]

TORCH = {
    "sgd": (optimizers.SGD(0.05), lambda w: torch.optim.SGD(w, 0.05)),
    "momentum": (
        optimizers.SGD(0.05, momentum=0.9),
        lambda w: torch.optim.SGD(w, 0.05, momentum=0.9),
    ),
    "nesterov": (
        optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda w: torch.optim.SGD(w, 0.05, momentum=0.9, nesterov=True),
    ),
    "adam": (
        optimizers.Adam(0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
        lambda w: torch.optim.Adam(w, 0.1, (0.8, 0.9), 1e-3),
    ),
    "adamw": (
        optimizers.AdamW(0.1, weight_decay=0.2),
        lambda w: torch.optim.AdamW(
            [
                {"params": [p for p in w if p.ndim > 1], "weight_decay": 0.2},
                {"params": [p for p in w if p.ndim == 1], "weight_decay": 0.0},
            ],
            0.1,
            eps=1e-7,
        ),
    ),
    "rmsprop": (
        optimizers.RMSprop(0.01, rho=0.8, momentum=0.5),
        lambda w: torch.optim.RMSprop(w, 0.01, alpha=0.8, eps=1e-7, momentum=0.5),
    ),
    "adadelta": (
        optimizers.Adadelta(2.0, rho=0.7, epsilon=1e-4),
        lambda w: torch.optim.Adadelta(w, 2.0, rho=0.7, eps=1e-4),
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_a_description_trains_as_torchs_own(name):
    described, make = TORCH[name]
    model = st.Sequential([layers.Input((4,)), layers.Dense(1)])
    peer = nn.Linear(4, 1)
    peer.load_state_dict(model.network.dense_1.state_dict())
    theirs = make(list(peer.parameters()))
    for _ in range(5):
        theirs.zero_grad()
        nn.functional.mse_loss(peer(torch.from_numpy(X))[:, 0], torch.from_numpy(Y)).backward()
        theirs.step()
    model.compile(described, "mse")
    model.fit(X, Y, batch_size=40, epochs=5, verbose=False)
    torch.testing.assert_close(model.network.dense_1.weight, peer.weight)
    torch.testing.assert_close(model.network.dense_1.bias, peer.bias)


@pytest.mark.parametrize("kind", optimizers.OPTIMIZERS.values(), ids=lambda kind: kind.name)
def test_every_optimizer_is_found_by_name_and_survives_json(kind):
    made = kind(learning_rate=0.5)
    assert optimizers.get(made.to_json()) == made
    assert optimizers.get(kind.name.upper()) == kind()
    assert optimizers.get(made) is made


def test_a_rate_given_to_compile_outranks_the_optimizers(tmp_path):
    model = st.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse", learning_rate=0.02)
    again = st.load(model.save(tmp_path / "model.safetensors"))
    assert again._compiled == model._compiled
    assert again._compiled.optimizer == optimizers.SGD(0.02, momentum=0.9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adam(-1), "Adam: learning_rate must be above 0, got -1"),
        (lambda: optimizers.SGD(momentum=1), "momentum must be a fraction, .* below 1, got 1"),
        (lambda: optimizers.SGD(nesterov=1), "nesterov must be True or False, got 1"),
        (lambda: optimizers.SGD(nesterov=True), r"needs momentum.*SGD\(momentum=0\.9"),
        (lambda: optimizers.RMSprop(rho="high"), "rho must be a fraction"),
        (lambda: optimizers.AdamW(weight_decay=True), "weight_decay must be 0 or more, got True"),
        (lambda: optimizers.get({"optimizer": "sgd", "beta_1": 0.9}), "beta_1"),
    ],
)
def test_an_option_out_of_range_is_explained(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_an_unknown_name_is_explained():
    with pytest.raises(UnknownName, match=r"'nadam'\. Did you mean 'adam'"):
        optimizers.get("nadam")

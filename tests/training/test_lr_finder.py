"""The learning-rate finder."""

import pytest
import torch

from small_training import (
    assert_same_weights,
    small_batches,
    small_fit,
    small_network,
    small_recipe,
)
from striate.errors import TrainingError
from striate.training import SingleLabel, find_learning_rate


def test_the_suggestion_trains_and_network_and_random_numbers_are_left_as_found():
    network = small_network()
    torch.manual_seed(3)
    found = torch.get_rng_state()
    curve = find_learning_rate(network, small_batches(), SingleLabel(), small_recipe())
    assert torch.equal(torch.get_rng_state(), found)
    assert_same_weights(network, small_network())
    assert all(weight.grad is None for weight in network.parameters())
    assert len(curve.rates) == len(curve.losses)
    assert list(curve.rates) == sorted(curve.rates)
    assert 1e-4 < curve.suggestion < 1
    result = small_fit(network, small_recipe(learning_rate=curve.suggestion, epochs=8))
    assert result.history[-1]["val_accuracy"] > 0.95


def test_a_sweep_repeats_itself():
    sweeps = [
        find_learning_rate(small_network(), small_batches(), SingleLabel(), small_recipe(ema=0.9))
        for _ in range(2)
    ]
    assert sweeps[0] == sweeps[1]


def test_rates_are_even_in_their_logarithm():
    curve = find_learning_rate(
        small_network(),
        small_batches(),
        SingleLabel(),
        small_recipe(),
        lowest=1e-5,
        highest=1e-1,
        steps=41,
    )
    assert curve.rates[0] == 1e-5
    assert curve.rates[10] == pytest.approx(1e-4)


def test_a_loss_that_never_falls_is_told():
    def flat(outputs, targets, weights):
        return outputs.sum() * 0 + 1

    with pytest.raises(TrainingError) as caught:
        find_learning_rate(small_network(), small_batches(), flat, small_recipe())
    assert caught.value.code == "train-no-learning-rate"

"""The moving average: closed values, buffers, ties and swapping without copies."""

import pytest
import torch
from torch import nn

from small_training import small_network
from striate.training.ema import Ema


def test_the_average_follows_its_formula():
    network = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(network.weight)
    ema = Ema(network, decay=0.5)
    expected = 0.0
    for t in range(30):
        with torch.no_grad():
            network.weight.fill_(t + 1.0)
        ema.update()
        decay = min(0.5, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * (t + 1)
    assert ema.tensors()["weight"].tolist() == [[pytest.approx(expected), pytest.approx(expected)]]


def test_float_buffers_are_averaged_and_whole_numbers_copied():
    network = small_network()
    ema = Ema(network, 0.9)
    network[1].running_mean += 1
    network[1].num_batches_tracked += 7
    ema.update()
    assert ema.tensors()["1.running_mean"].tolist() == pytest.approx([0.9] * 4)  # d = 1 / 10
    assert ema.tensors()["1.num_batches_tracked"] == 7


def test_inside_the_block_the_network_is_the_average_and_nothing_is_copied():
    network = small_network()
    ema = Ema(network, 0.9)
    with torch.no_grad():
        network[0].weight.add_(1.0)
    own, average = network[0].weight.data_ptr(), ema.tensors()["0.weight"].data_ptr()
    with ema.applied():
        assert network[0].weight.data_ptr() == average
        assert torch.equal(network[0].weight, small_network()[0].weight)
    assert network[0].weight.data_ptr() == own


def test_tied_weights_stay_tied():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    ema = Ema(network, 0.9)
    with torch.no_grad():
        network[0].weight.add_(1.0)
    before = network[0].weight.detach().clone()
    ema.update()
    with ema.applied():
        assert network[1].weight is network[0].weight
        assert not torch.equal(network[0].weight, before)
    assert torch.equal(network[0].weight, before)
    assert list(ema.tensors()) == list(network.state_dict())

"""Optimizers: torch's own steps, what decays, and state that survives any memory layout."""

import pytest
import torch
from torch import nn

from small_training import small_network, small_recipe
from striate.errors import UnknownName, UsageError
from striate.training.optimizers import (
    OPTIMIZERS,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    parameter_groups,
    set_learning_rate,
)


def made(network, name, **settings):
    optimizer = make_optimizer(network, small_recipe(optimizer=name, **settings).settled())
    set_learning_rate(optimizer, 0.1)
    return optimizer


def give_gradients(network, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        weight.grad = torch.empty_like(weight)  # in the layout of the weight, as autograd gives
        weight.grad.copy_(torch.randn(weight.shape, generator=generator))


PEERS = {
    "sgd": lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda w: torch.optim.Adam(w, lr=0.1),
    "adamw": lambda w: torch.optim.AdamW(w, lr=0.1, weight_decay=0),
    "rmsprop": lambda w: torch.optim.RMSprop(w, lr=0.1, momentum=0.9),
    "adadelta": lambda w: torch.optim.Adadelta(w, lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_step_is_torchs(name):
    one, other = small_network(), small_network()
    ours, theirs = made(one, name, weight_decay=0.0), PEERS[name](other.parameters())
    for seed in range(3):
        give_gradients(one, seed)
        give_gradients(other, seed)
        ours.step()
        theirs.step()
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_biases_and_norms_do_not_decay():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.LayerNorm([4, 6, 6]),
        nn.Flatten(),
        nn.Linear(144, 3),
    )
    names = {id(weight): name for name, weight in network.named_parameters()}
    decaying, steady = parameter_groups(network, 0.1)
    assert (decaying["weight_decay"], steady["weight_decay"]) == (0.1, 0.0)
    assert [names[id(w)] for w in decaying["params"]] == ["0.weight", "4.weight"]
    assert len(steady["params"]) == 6


def test_tied_weights_are_updated_once_and_frozen_ones_not():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    network[0].bias.requires_grad_(False)
    decaying, steady = parameter_groups(network, 0.1)
    assert len(decaying["params"]) == len(steady["params"]) == 1


def test_each_rate_has_groups_of_its_own_and_the_order_of_weights_stays():
    network = small_network()  # 0 convolution, 1 norm, 3 convolution, 7 linear
    scales = {"0.weight": 0.25, "1.weight": 0.25, "1.bias": 0.25, "3.weight": 0.5, "3.bias": 0.5}
    names = {id(weight): name for name, weight in network.named_parameters()}
    plain, scaled = parameter_groups(network, 0.1), parameter_groups(network, 0.1, scales)
    found = [
        (group["rate_scale"], group["weight_decay"], [names[id(w)] for w in group["params"]])
        for group in scaled
    ]
    assert found == [
        (0.25, 0.1, ["0.weight"]),
        (0.5, 0.1, ["3.weight"]),
        (1.0, 0.1, ["7.weight"]),
        (0.25, 0.0, ["1.weight", "1.bias"]),
        (0.5, 0.0, ["3.bias"]),
        (1.0, 0.0, ["7.bias"]),
    ]
    assert [group["rate_scale"] for group in plain] == [1.0, 1.0]
    flat = [[id(w) for group in groups for w in group["params"]] for groups in (plain, scaled)]
    assert flat[0] == flat[1]


def test_the_rate_is_scaled_in_each_group():
    network = small_network()
    recipe = small_recipe(optimizer="adamw").settled()
    optimizer = make_optimizer(network, recipe, {"0.weight": 0.1, "not here": 3.0})
    set_learning_rate(optimizer, 0.5)
    set_learning_rate(optimizer, 0.2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2 * 0.1, 0.2, 0.2]
    load_optimizer(optimizer, *optimizer_tensors(optimizer))
    set_learning_rate(optimizer, 1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 1.0, 1.0]


def test_rates_for_another_network_are_refused():
    with pytest.raises(UnknownName, match=r"7\.weight"):
        parameter_groups(small_network(), 0.1, {"8.weight": 0.5})


def test_a_network_without_trainable_weights_is_refused():
    with pytest.raises(UsageError) as caught:
        parameter_groups(nn.Flatten(), 0.1)
    assert caught.value.code == "train-no-weights"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_goes_through_contiguous_copies_into_channels_last_weights(name):
    """What a file gives back is contiguous; fused kernels walk memory and would mix it up."""
    networks = [small_network().to(memory_format=torch.channels_last) for _ in range(2)]
    one, other = [made(network, name) for network in networks]
    give_gradients(networks[0], 0)
    one.step()
    networks[1].load_state_dict(networks[0].state_dict())
    tensors, numbers = optimizer_tensors(one)
    load_optimizer(
        other,
        {k: t.clone(memory_format=torch.contiguous_format) for k, t in tensors.items()},
        numbers,
    )
    for seed in (1, 2):
        for network, optimizer in zip(networks, (one, other), strict=True):
            give_gradients(network, seed)
            optimizer.step()
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(a, b)

"""Shorter ways through a network while it trains."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from small_training import small_batches, small_recipe
from striate.training import SingleLabel, fit
from striate.training import shortcuts as module
from striate.training.kernel import compiler
from striate.training.pooled_convolution import PooledConvolution
from striate.training.shortcuts import Shortened, shortcuts

needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


def network() -> nn.Sequential:
    """A chain in a chain, as the zoo has them, and a chain beside it."""
    inner = nn.Sequential(OrderedDict(conv=nn.Conv2d(4, 8, 3), act=nn.ReLU()))
    return nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(3, 4, 3, padding=1),
            act=nn.ReLU(),
            block=inner,
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            dense=nn.Linear(8 * 5 * 5, 4),
        )
    )


def calls(chain) -> list[str]:
    assert isinstance(chain.forward, Shortened)
    return [type(call).__name__ for call in chain.forward.calls]


@needs_compiler
def test_convolution_relu_and_pooling_run_as_one():
    net = network()
    x = torch.randn(2, 3, 12, 12)
    before = net(x)
    names = list(net.state_dict())
    with shortcuts(net):
        assert calls(net) == ["Conv2d", "ReLU", "PooledConvolution", "Flatten", "Linear"]
        torch.testing.assert_close(net(x), before, rtol=1e-5, atol=1e-6)
        assert list(net.state_dict()) == names
        assert "forward" not in vars(net.block)
    assert "forward" not in vars(net)
    assert torch.equal(net(x), before)


@needs_compiler
def test_pooling_may_stand_before_the_relu_in_the_network():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 4, 1))
    with shortcuts(net):
        assert calls(net) == ["PooledConvolution", "Conv2d"]
        assert not net.forward.calls[0].flat
    with shortcuts(net[:3]):
        pass
    flat = nn.Sequential(*net[:3], nn.Flatten())
    with shortcuts(flat):
        assert flat.forward.calls[0].flat


def test_without_a_compiler_pooling_runs_first(monkeypatch):
    monkeypatch.setattr(module, "_as_one", lambda modules: None)
    net = network()
    x = torch.randn(2, 3, 12, 12, requires_grad=True)
    plain = net(x)
    slopes = torch.autograd.grad(plain.sin().sum(), [x, *net.parameters()])
    with shortcuts(net):
        assert calls(net)[2:5] == ["Conv2d", "MaxPool2d", "ReLU"]
        swapped = net(x)
        again = torch.autograd.grad(swapped.sin().sum(), [x, *net.parameters()])
    assert torch.equal(plain, swapped)
    assert all(torch.equal(one, other) for one, other in zip(slopes, again, strict=True))


@pytest.mark.parametrize("activation", [nn.Sigmoid(), nn.GELU(), nn.SiLU(), nn.LeakyReLU(-0.1)])
def test_other_activations_stay_where_they_are(activation):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), activation, nn.MaxPool2d(2))
    with shortcuts(net):
        assert "forward" not in vars(net)


def test_average_pooling_stays_where_it_is():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(2))
    with shortcuts(net):
        assert "forward" not in vars(net)


@pytest.mark.parametrize("place", ["conv", "act", "pool", "block"])
def test_modules_that_someone_listens_to_are_called(place):
    net = network()
    heard = {name.rpartition(".")[2]: child for name, child in net.named_modules()}[place]
    if place == "act":
        heard = net.block.act
    count = []
    heard.register_forward_hook(lambda *_: count.append(1))
    with shortcuts(net):
        net(torch.randn(2, 3, 12, 12))
    assert count == [1]


def test_a_class_of_ones_own_is_not_taken_apart():
    class Chain(nn.Sequential):
        def forward(self, x):
            return -super().forward(x)

    net = Chain(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    with shortcuts(net):
        assert "forward" not in vars(net)


def test_it_is_put_back_after_an_error():
    net = network()
    with pytest.raises(KeyError), shortcuts(net):
        raise KeyError
    assert "forward" not in vars(net)


@needs_compiler
def test_a_copy_made_meanwhile_has_weights_of_its_own():
    net = network()
    x = torch.randn(2, 3, 12, 12)
    with shortcuts(net):
        other = copy.deepcopy(net)
        with torch.no_grad():
            other.block.conv.weight.zero_()
            other.block.conv.bias.zero_()
        assert not torch.equal(net(x), other(x))


@needs_compiler
def test_fit_takes_them_and_comes_to_the_same(monkeypatch):
    taken = []
    applies = PooledConvolution._applies

    def noted(self, x):
        taken.append(applies(self, x))
        return taken[-1]

    monkeypatch.setattr(PooledConvolution, "_applies", noted)

    def trained(**patch):
        for name, value in patch.items():
            monkeypatch.setattr(module, name, value)
        torch.manual_seed(0)
        convolution = nn.Conv2d(1, 4, 5, padding=2)
        net = nn.Sequential(
            convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 4 * 4, 3)
        )
        result = fit(net, small_batches(), SingleLabel(), small_recipe())
        return net.state_dict(), result.history[-1]["train_loss"]

    weights, loss = trained()
    assert any(taken)
    plain_weights, plain_loss = trained(_as_one=lambda modules: None, RISING=())
    assert loss == pytest.approx(plain_loss, rel=1e-4)
    for name, weight in weights.items():
        torch.testing.assert_close(weight, plain_weights[name], rtol=1e-3, atol=1e-4)

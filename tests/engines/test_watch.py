"""Nothing that changes an answer goes unnoticed."""

import pytest
import torch
from torch import nn

from engines.small import answers, images, network
from striate.engines.watch import Watch, watchable
from striate.nn import GraphNetwork
from striate.nn.graph import Step


def exchange(net: nn.Module) -> None:
    net[2] = nn.Tanh()


def graft(net: nn.Module) -> None:
    net.append(nn.ReLU())


def optimise(net: nn.Module) -> None:
    answers(net, images())
    net.train()
    net(images()).sum().backward()
    torch.optim.SGD(net.parameters(), 0.1).step()


def write_past_the_count(net: nn.Module) -> None:
    net[0].weight.data.mul_(1.5)


def put_other_data(net: nn.Module) -> None:
    net[5].weight.data = net[5].weight.data.clone() * 2


def put_another_weight(net: nn.Module) -> None:
    net[5].bias = nn.Parameter(torch.ones(5))


CHANGES = {
    "a layer": exchange,
    "one more layer": graft,
    "a step of training": optimise,
    "a weight's data": write_past_the_count,
    "other data": put_other_data,
    "another weight": put_another_weight,
    "a setting": lambda net: setattr(net[1], "eps", 0.5),
    "a stride": lambda net: setattr(net[0], "padding", (1, 1)),
    "a statistic": lambda net: net[1].running_mean.add_(1),
    "weights from a file": lambda net: net.load_state_dict(network(seed=3).state_dict()),
    "a hook": lambda net: net[2].register_forward_hook(lambda *_: None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_change_is_seen(change) -> None:
    net = network()
    watch = Watch(net)
    assert watch.unchanged(net)
    change(net)
    assert not watch.unchanged(net)


def test_what_changes_no_answer_is_not_a_change() -> None:
    net = network()
    watch = Watch(net)
    net.eval()
    answers(net, images())
    net.zero_grad()
    for weight in net.parameters():
        weight.requires_grad_(False)
    assert watch.unchanged(net)


def test_the_outermost_module_may_be_made_anew_but_not_otherwise() -> None:
    child = nn.Conv2d(3, 2, 1)
    steps = [Step("a", "c", ("x",)), Step("b", "r", ("a",))]
    children = {"c": child, "r": nn.ReLU()}
    whole = GraphNetwork(children, steps, ["x"], ["b"])
    watch = Watch(whole.until(["a"]))
    assert watch.unchanged(whole.until(["a"]))
    assert not watch.unchanged(whole.until(["b"]))
    assert not watch.unchanged(child)


def test_what_no_engine_can_stand_in_for() -> None:
    assert watchable(network())
    assert not watchable(network().double())
    assert not watchable(network().to("meta"))
    hooked = network()
    hooked[0].register_forward_pre_hook(lambda *_: None)
    assert not watchable(hooked)


def test_odd_weights_can_be_watched() -> None:
    """Empty ones, one number that is repeated, and none."""
    net = nn.Module()
    net.empty = nn.Parameter(torch.zeros(0))
    net.register_buffer("repeated", torch.ones(1).expand(100))
    watch = Watch(net)
    assert watch.unchanged(net)
    net.repeated[0:1].data.fill_(2)
    assert not watch.unchanged(net)
    assert Watch(nn.ReLU()).unchanged(nn.ReLU())

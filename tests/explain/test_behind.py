"""Going on from a layer: equal to running the network whole, whatever lies around the layer."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._behind import resumable
from striate.explain._hooks import evaluating, watching


class Odd(nn.Module):
    """A ReLU that runs everywhere, a shortcut around the layer, functions that work in place."""

    def __init__(self, join: str) -> None:
        super().__init__()
        self.join, self.relu = join, nn.ReLU(inplace=True)
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), self.relu)
        self.norm, self.middle = nn.BatchNorm2d(6), nn.Conv2d(6, 6, 3, padding=1)
        self.last = nn.Conv2d(12 if join == "concatenate" else 6, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.norm(self.first(images)), inplace=True)
        maps = maps.mul_(0.5)
        inner = self.relu(self.middle(maps))
        if self.join == "add":
            maps = inner + maps
        elif self.join == "add_to_inner":
            inner += maps
            maps = inner
        elif self.join == "add_to_outer":
            maps += inner
        else:
            maps = torch.cat([maps, inner], dim=1)
        return self.head(self.relu(self.last(maps)).mean(dim=(2, 3)))


def replaced(network: nn.Module, module: nn.Module, image: Tensor, copies: Tensor, run: int):
    """The network whole, with the output of one run of a module exchanged."""
    runs = []

    def exchange(*_) -> Tensor | None:
        runs.append(1)
        return copies.clone() if len(runs) == run else None

    with watching(module, exchange):
        return network(image.repeat(len(copies), 1, 1, 1))


@pytest.mark.parametrize("join", ["add", "add_to_inner", "add_to_outer", "concatenate"])
@pytest.mark.parametrize(
    ("layer", "run"),
    [("first", 1), ("first.0", 1), ("norm", 1), ("middle", 1), ("relu", 3), ("last", 1)],
)
def test_going_on_is_running_whole(join: str, layer: str, run: int) -> None:
    torch.manual_seed(0)
    network, image = Odd(join), torch.randn(1, 3, 8, 7)
    forwards = [module.__dict__.get("forward") for module in network.modules()]
    with torch.no_grad(), evaluating(network), resumable(network, image, layer) as found:
        maps, answer, resume = found
        changed = torch.cat([maps, maps * 2, torch.randn_like(maps)])
        ours, again = resume(changed), resume(changed[1:])
    assert [module.__dict__.get("forward") for module in network.modules()] == forwards
    with torch.no_grad(), evaluating(network):
        expected = replaced(network, network.get_submodule(layer), image, changed, run)
        torch.testing.assert_close(answer, network(image))
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(again, expected[1:])
    assert not torch.allclose(expected[0], expected[1])


def test_only_what_follows_the_layer_runs_again() -> None:
    torch.manual_seed(0)
    network, ran = Odd("add").eval(), []
    for name in ("first.0", "norm", "middle", "last"):
        module = network.get_submodule(name)
        module.forward = lambda x, name=name, inner=module.forward: ran.append(name) or inner(x)
    with torch.no_grad(), resumable(network, torch.randn(1, 3, 8, 7), "middle") as found:
        assert ran.count("first.0") == ran.count("norm") == ran.count("middle") == 1
        before = ran.count("last")
        found[2](found[0].repeat(3, 1, 1, 1))
        assert ran.count("last") == before + 1
    assert ran.count("first.0") == ran.count("norm") == ran.count("middle") == 1


def test_forwards_are_put_back_when_interrupted() -> None:
    network = Odd("add").eval()
    own = network.norm.forward
    network.norm.forward = own
    with pytest.raises(KeyboardInterrupt), resumable(network, torch.randn(1, 3, 8, 7), "middle"):
        raise KeyboardInterrupt
    assert network.norm.__dict__["forward"] is own
    assert not any("forward" in m.__dict__ for m in network.modules() if m is not network.norm)


@pytest.mark.parametrize(
    ("layer", "code"), [("spare", "explain-layer-not-run"), ("head", "explain-layer-shape")]
)
def test_layers_without_maps_are_refused(layer: str, code: str) -> None:
    network = Odd("add").eval()
    network.spare = nn.Conv2d(3, 3, 1)
    with (
        pytest.raises(ExplainError) as caught,
        resumable(network, torch.randn(1, 3, 8, 7), layer),
    ):
        pass
    assert caught.value.code == code

"""Our dropout beside torch's: the same distribution, layout and gradient, from fewer numbers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from striate.nn import Dropout


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("p", [0.1, 0.2, 0.25, 0.5, 0.75, 0.999])
def test_the_rate_is_met(p):
    ones = torch.ones(400_000)
    kept = Dropout(p)(ones)
    share = (kept == 0).float().mean().item()
    assert share == pytest.approx(p, abs=5 * (p * (1 - p) / len(ones)) ** 0.5 + 1 / 2**17)
    assert torch.allclose(kept[kept != 0], torch.tensor(1 / (1 - p)))


def test_neighbours_that_share_a_number_are_independent():
    dropped = (Dropout(0.3)(torch.ones(400_000)) == 0).view(-1, 4).float()
    correlation = torch.corrcoef(dropped.T) - torch.eye(4)
    assert correlation.abs().max() < 5 / 100_000**0.5


def test_the_gradient_is_that_of_what_was_kept():
    x = torch.randn(64, 8, 5, 5, requires_grad=True)
    out = Dropout(0.4)(x)
    out.sum().backward()
    assert torch.equal(x.grad == 0, out == 0)
    assert torch.allclose(x.grad[x.grad != 0], torch.tensor(1 / 0.6))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_stays(layout):
    x = torch.randn(2, 3, 4, 5).to(memory_format=layout)
    assert Dropout(0.5)(x).stride() == x.stride()


@given(p=some.sampled_from([0.0, 0.5, 1.0]), shape=some.lists(some.integers(0, 4), max_size=4))
def test_any_shape_and_any_rate(p, shape):
    x = torch.full(shape, 2.0)
    out = Dropout(p)(x)
    assert out.shape == x.shape
    assert ((out == 0) | (out == (4.0 if p == 0.5 else 2.0))).all()
    assert torch.equal(Dropout(p).eval()(x), x)


def test_views_with_gaps_or_repeats_are_left_to_torch():
    for x in (torch.ones(6, 8)[:, ::2], torch.ones(1, 8).expand(6, 8)):
        share = (Dropout(0.5)(x) == 0).float().mean()
        assert 0 < share < 1


def test_a_seed_fixes_it_and_types_stay():
    x = torch.ones(50, dtype=torch.float64)
    torch.manual_seed(3)
    one = Dropout(0.5)(x)
    torch.manual_seed(3)
    assert torch.equal(one, Dropout(0.5)(x))
    assert one.dtype == torch.float64
    assert Dropout(0.5)(x.to(torch.bfloat16)).dtype == torch.bfloat16


def test_it_is_torchs_for_all_who_ask():
    assert isinstance(Dropout(0.5), nn.Dropout)
    assert "p=0.5" in repr(Dropout(0.5))
    x = torch.ones(20)
    assert Dropout(0.5, inplace=True)(x) is x

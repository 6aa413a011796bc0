"""Schedules: parity with torch's, and closed values."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate.errors import UnknownName
from striate.training.schedules import SCHEDULES, make_schedule, one_cycle


def torch_rates(make, total):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(("total", "warmup"), [(40, 0.25), (101, 0.3), (7, 0.5)])
def test_one_cycle_is_torchs(total, warmup):
    def make(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 1.0, total_steps=total, pct_start=warmup, cycle_momentum=False
        )

    ours = [one_cycle(step, total, warmup) for step in range(total)]
    assert ours == pytest.approx([*torch_rates(make, total - 1), 1 / 250_000], abs=1e-12)


def test_cosine_without_warmup_is_torchs():
    def make(optimizer):
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)

    schedule = make_schedule("cosine", 0.0)
    assert [schedule(s, 50) for s in range(50)] == pytest.approx(torch_rates(make, 50), abs=1e-12)


def test_step_falls_to_a_tenth_at_half_and_three_quarters():
    schedule = make_schedule("step", 0.0)
    assert [schedule(step, 8) for step in range(8)] == pytest.approx(
        [1] * 4 + [0.1] * 2 + [0.01] * 2
    )


@pytest.mark.parametrize("name", ["cosine", "step", "constant"])
def test_a_straight_warmup_reaches_the_peak(name):
    schedule = make_schedule(name, 0.2)
    assert [schedule(step, 20) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule(4, 20) == 1.0


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    total=st.integers(1, 500),
    warmup=st.floats(0, 0.99),
    share=st.floats(0, 1, exclude_max=True),
)
def test_every_multiplier_is_positive_and_at_most_one(name, total, warmup, share):
    multiplier = make_schedule(name, warmup)(int(share * total), total)
    assert 0 < multiplier <= 1


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match="'cosine'"):
        make_schedule("cosin", 0.0)

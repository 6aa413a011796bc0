"""The course of the learning rate: pure functions of (step, total) to a multiplier in 0..1.

No state is kept, so a resumed training needs nothing but its step number. Every schedule rises
during a warm-up, a share of all steps, to its peak, 1.
"""

import math
from collections.abc import Callable, Mapping

from striate.errors import unknown_name

Multiplier = Callable[[int, int], float]  # (step from 0, total steps) -> multiplier
Course = Callable[[int, int, float], float]  # the same with the share of the warm-up

START, END = 1 / 25, 1 / 250_000  # of the peak: div_factor 25, final_div_factor 1e4


def one_cycle(step: int, total: int, warmup: float) -> float:
    """Up along half a cosine from 1/25 of the peak, then down along half a cosine to almost zero.

    Source: Smith and Topin 2018, "Super-Convergence", arXiv:1708.07120; the numbers are those of
        `torch.optim.lr_scheduler.OneCycleLR`, to which it is equal.
    Differs: the momentum stays as it is.
    """
    top = warmup * total - 1  # the step of the peak
    last = total - 1
    if step < top:
        return _ease(START, 1.0, step / top)
    return _ease(1.0, END, (step - max(top, 0)) / max(last - max(top, 0), 1))


def cosine(step: int, total: int, warmup: float) -> float:
    """A straight warm-up, then half a cosine towards zero, which the step after the last reaches.

    Source: Loshchilov and Hutter 2017, "SGDR", arXiv:1608.03983, eq. 5, without restarts.
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    return _ease(1.0, 0.0, (step - rising) / max(total - rising, 1))


def staircase(step: int, total: int, warmup: float) -> float:
    """A straight warm-up, then a tenth after half and again after three quarters of all steps.

    Source: He et al. 2016, "Deep Residual Learning", arXiv:1512.03385, section 4.2.
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    return 0.1 ** ((2 * step >= total) + (4 * step >= 3 * total))


def constant(step: int, total: int, warmup: float) -> float:
    """A straight warm-up, then the peak."""
    rising = round(warmup * total)
    return (step + 1) / rising if step < rising else 1.0


SCHEDULES: Mapping[str, Course] = {
    "one_cycle": one_cycle,
    "cosine": cosine,
    "step": staircase,
    "constant": constant,
}


def make_schedule(name: str, warmup: float) -> Multiplier:
    """The schedule of that name with its warm-up: `make_schedule("cosine", 0.05)(step, total)`."""
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    course = SCHEDULES[name]
    return lambda step, total: course(step, total, warmup)


def _ease(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2

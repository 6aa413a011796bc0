import numpy as np
import pytest
import torch.nn.functional as F

from byhand.peers import agree, autograd, draw_numbers, given, moves, seeds
from striate import nn
from striate.byhand import average_pool, average_pool_backward, max_pool, max_pool_backward
from striate.errors import ShapeError, UsageError

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


@given(moves(max_axes=3, pooling=True), seeds)
def test_max_and_average_are_autograds(case, seed):
    x, arrived = draw_numbers(seed, (2, 3, *case.size), (2, 3, *case.positions()))
    settings = (case.kernel, case.stride, case.padding)
    axes = len(case.size)
    y, dx = autograd(lambda t: MAX[axes](t, *settings), arrived, x)
    agree(max_pool(x, *settings), y)
    agree(max_pool_backward(arrived, x, *settings), dx)
    if axes == 3 and any(n < k for n, k in zip(case.size, case.kernel, strict=True)):
        return  # torch's avg_pool3d refuses a window larger than the image without its border
    y, dx = autograd(lambda t: AVERAGE[axes](t, *settings, count_include_pad=False), arrived, x)
    agree(average_pool(x, *settings), y)
    agree(average_pool_backward(arrived, x, *settings), dx)


@given(moves(pooling=True).filter(lambda case: len(case.size) == 2), seeds)
def test_same_is_what_our_networks_do(case, seed):
    (x,) = draw_numbers(seed, (1, 2, *case.size))
    for module, pool, backward in [
        (nn.MaxPool2dSame, max_pool, max_pool_backward),
        (nn.AvgPool2dSame, average_pool, average_pool_backward),
    ]:
        y, dx = autograd(module(case.kernel, case.stride), 1.0, x)
        agree(pool(x, case.kernel, case.stride, "same"), y)
        agree(backward(np.ones_like(y), x, case.kernel, case.stride, "same"), dx)


def test_of_equals_the_first_wins_as_in_torch():
    x = np.zeros((1, 1, 4, 4))
    _, dx = autograd(lambda t: F.max_pool2d(t, 2), 1.0, x)
    agree(max_pool_backward(np.ones((1, 1, 2, 2)), x), dx)
    assert dx[0, 0, ::2, ::2].all()


def test_rows_left_over_get_no_gradient():
    x = np.arange(25.0).reshape(1, 1, 5, 5)
    for backward in (max_pool_backward, average_pool_backward):
        dx = backward(np.ones((1, 1, 2, 2)), x)
        assert not dx[..., 4, :].any()
        assert not dx[..., 4].any()


def test_padding_never_wins():
    x = np.full((1, 1, 3, 3), -5.0)
    assert (max_pool(x, 2, 2, "same") == -5).all()
    assert (average_pool(x, 2, 2, "same") == -5).all()


def test_bad_settings():
    with pytest.raises(ShapeError, match=r"needs x \[N, C, …\], got \[4, 4\]"):
        max_pool(np.zeros((4, 4)))
    with pytest.raises(ShapeError, match="spans 3×3 does not fit"):
        average_pool(np.zeros((1, 1, 2, 2)), 3)
    with pytest.raises(UsageError, match="pool_size must be a whole number ≥ 1, or 2 of them"):
        max_pool(np.zeros((1, 1, 4, 4)), (2, 2, 2))

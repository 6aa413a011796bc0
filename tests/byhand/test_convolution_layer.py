import numpy as np
import pytest
import torch.nn.functional as F
from hypothesis import strategies as st

from byhand.peers import agree, autograd, draw_numbers, given, moves, seeds
from striate.byhand import conv, conv_backward
from striate.errors import ShapeError

TORCH = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@given(
    moves(max_axes=3),
    seeds,
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(1, 2),
)
def test_values_and_gradients_are_autograds(case, seed, samples, groups, into, out):
    settings = (case.padding, case.stride, case.dilation, groups)
    x, weights, bias, arrived = draw_numbers(
        seed,
        (samples, groups * into, *case.size),
        (groups * out, into, *case.kernel),
        (groups * out,),
        (samples, groups * out, *case.positions()),
    )
    y, dx, dweights, dbias = autograd(
        lambda *t: TORCH[len(case.size)](*t, case.stride, case.padding, case.dilation, groups),
        arrived,
        *(x, weights, bias),
    )
    agree(conv(x, weights, bias, *settings), y)
    agree(conv(x, weights, None, *settings), y - bias.reshape(-1, *[1] * len(case.size)))
    ours = conv_backward(arrived, x, weights, *settings)
    agree(ours.x, dx)
    agree(ours.weights, dweights)
    agree(ours.bias, dbias)


def test_no_images_give_no_outputs_and_no_gradient():
    x, weights = np.zeros((0, 2, 5, 5)), np.ones((3, 2, 3, 3))
    y = conv(x, weights, np.ones(3))
    assert y.shape == (0, 3, 3, 3)
    ours = conv_backward(y, x, weights)
    assert (ours.x.shape, ours.weights.sum(), ours.bias.sum()) == (x.shape, 0, 0)


@pytest.mark.parametrize(
    ("x", "weights", "groups"),
    [
        ((1, 3, 5, 5), (4, 2, 3, 3), 1),
        ((1, 4, 5, 5), (4, 4, 3, 3), 2),
        ((3, 5, 5), (4, 3, 3, 3), 1),
    ],
)
def test_channels_that_do_not_fit_are_named(x, weights, groups):
    with pytest.raises(ShapeError, match="must fit, got") as error:
        conv(np.zeros(x), np.zeros(weights), groups=groups)
    assert error.value.code == "shape-byhand-channels"
    assert str(list(x)) in str(error.value)
    assert str(list(weights)) in str(error.value)


def test_groups_must_divide_the_filters():
    with pytest.raises(ShapeError, match="groups=2 and filters=3"):
        conv(np.zeros((1, 4, 5, 5)), np.zeros((3, 2, 3, 3)), groups=2)

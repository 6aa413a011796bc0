import numpy as np
import pytest
import torch.nn.functional as F
from hypothesis import strategies as st

from byhand.peers import agree, autograd, draw_numbers, given, seeds
from striate.byhand import dense, dense_backward
from striate.errors import ShapeError

sizes = st.integers(1, 6)


@given(sizes, sizes, sizes, seeds)
def test_values_and_gradients_are_autograds(samples, features, units, seed):
    x, weights, bias, arrived = draw_numbers(
        seed, (samples, features), (units, features), (units,), (samples, units)
    )
    y, *gradients = autograd(F.linear, arrived, x, weights, bias)
    agree(dense(x, weights, bias), y)
    agree(dense(x, weights), y - bias)
    for ours, theirs in zip(dense_backward(arrived, x, weights), gradients, strict=True):
        agree(ours, theirs)


def test_features_must_fit():
    with pytest.raises(ShapeError, match=r"must fit, got \[2, 3\] and \[5, 4\]") as error:
        dense(np.zeros((2, 3)), np.zeros((5, 4)))
    assert error.value.code == "shape-byhand-features"

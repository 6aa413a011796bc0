"""Pooling with "same" padding against windows cut out by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from striate.nn import AvgPool2dSame, MaxPool2dSame
from striate.shapes import same_padding

cases = given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)


@pytest.mark.parametrize(
    ("layer", "reduce"), [(MaxPool2dSame, torch.amax), (AvgPool2dSame, torch.mean)]
)
def test_each_output_is_its_window_inside_the_image(layer, reduce):
    @settings(max_examples=60, deadline=None)
    @cases
    def check(size, kernel, stride):
        torch.manual_seed(1)
        image = torch.randn(2, 3, *size, dtype=torch.float64) - 5  # a padded zero would win
        output = layer(kernel, stride)(image)
        assert output.shape == (2, 3, -(-size[0] // stride[0]), -(-size[1] // stride[1]))
        top, left = (same_padding(*axis)[0] for axis in zip(size, kernel, stride, strict=True))
        for row in range(output.shape[2]):
            for column in range(output.shape[3]):
                y, x = row * stride[0] - top, column * stride[1] - left
                window = image[:, :, max(y, 0) : y + kernel[0], max(x, 0) : x + kernel[1]]
                torch.testing.assert_close(output[:, :, row, column], reduce(window, (2, 3)))

    check()


def test_the_window_is_shown():
    assert repr(MaxPool2dSame(3, 2)) == "MaxPool2dSame(kernel_size=(3, 3), stride=(2, 2))"

"""Pooling of all kinds against torch's own functions, or else window by window."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.parity import (
    check_parity,
    each,
    fits,
    kind,
    many_cases,
    ranks,
    same_borders,
    shapes,
    sizes,
)
from striate import layers

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {
    ("Max", 1): F.adaptive_max_pool1d,
    ("Max", 2): F.adaptive_max_pool2d,
    ("Max", 3): F.adaptive_max_pool3d,
    ("Average", 1): F.adaptive_avg_pool1d,
    ("Average", 2): F.adaptive_avg_pool2d,
    ("Average", 3): F.adaptive_avg_pool3d,
}


def window_by_window(x, size, stride, reduce):
    """The definition for "same": each window, cut to what lies inside the map."""
    rank = len(size)
    borders = same_borders(x.shape[2:], size, stride, (1,) * rank)[0::2][::-1]
    counts = [-(-n // s) for n, s in zip(x.shape[2:], stride, strict=True)]
    outputs = []
    for position in product(*map(range, counts)):
        starts = [p * s - b for p, s, b in zip(position, stride, borders, strict=True)]
        inside = tuple(slice(max(a, 0), a + k) for a, k in zip(starts, size, strict=True))
        outputs.append(reduce(x[(slice(None), slice(None), *inside)].flatten(2)))
    return torch.stack(outputs, dim=2).unflatten(2, counts)


@many_cases
@pytest.mark.parametrize("name", ["Max", "Average"])
def test_pooling_with_padding_in_numbers_is_torchs(name, cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), ranks)
    def check(data, rank):
        shape, size = data.draw(shapes(rank)), data.draw(sizes(rank))
        strides = data.draw(st.one_of(st.none(), sizes(rank, most=3)))
        half = min(each(size, rank)) // 2
        padding = data.draw(st.one_of(st.just("valid"), st.integers(0, half)))
        layer = kind(name + "Pooling{}D", rank)(size, strides, padding)
        pixels = 0 if padding == "valid" else padding
        options = {} if name == "Max" else {"count_include_pad": False}
        function = MAX[rank] if name == "Max" else AVERAGE[rank]
        if fits(layer, shape):
            if rank == 3 and name == "Average" and min(shape[:3]) < max(each(size, rank)):
                return  # torch refuses these; see test_average_pooling_of_a_map_below_its_window
            check_parity(layer, shape, lambda x, _: function(x, size, strides, pixels, **options))
        else:
            with pytest.raises(RuntimeError, match="size"):
                function(torch.zeros(1, shape[-1], *shape[:-1]), size, strides, pixels)

    check()


@many_cases
@pytest.mark.parametrize("name", ["Max", "Average"])
def test_same_pooling_is_each_window_inside_the_map(name, cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), ranks)
    def check(data, rank):
        shape, size = data.draw(shapes(rank)), data.draw(sizes(rank))
        strides = data.draw(sizes(rank, most=3))
        reduce = (lambda w: w.amax(2)) if name == "Max" else (lambda w: w.mean(2))
        check_parity(
            kind(name + "Pooling{}D", rank)(size, strides, "same"),
            shape,
            lambda x, _: window_by_window(x, each(size, rank), each(strides, rank), reduce),
        )

    check()


@many_cases
@pytest.mark.parametrize("name", ["Max", "Average"])
def test_adaptive_and_global_pooling_are_torchs(name, cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), ranks)
    def check(data, rank):
        shape, output = data.draw(shapes(rank)), data.draw(sizes(rank, most=6))
        layer = kind(f"Adaptive{name}Pooling{{}}D", rank)(output)
        check_parity(layer, shape, lambda x, _: ADAPTIVE[name, rank](x, output))
        whole = (
            (lambda x: x.flatten(2).amax(2)) if name == "Max" else (lambda x: x.flatten(2).mean(2))
        )
        check_parity(kind(f"Global{name}Pooling{{}}D", rank)(), shape, lambda x, _: whole(x))

    check()


def test_a_negative_maximum_at_the_border_stays_negative():
    network = layers.build([layers.MaxPooling1D(3, 1, "same")], (3, 1))
    x = -torch.ones(1, 1, 3)
    assert torch.equal(network(x), x)


def test_average_pooling_of_a_map_below_its_window():
    network = layers.build([layers.AveragePooling3D(2, 1, 1)], (1, 1, 1, 1))
    assert torch.equal(network(torch.full((1, 1, 1, 1, 1), 3.0)), torch.full((1, 1, 2, 2, 2), 3.0))

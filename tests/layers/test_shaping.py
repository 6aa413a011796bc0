"""Borders, enlarging, reshaping, dense layers and normalisation against their definitions."""

from math import prod

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.parity import channels, check_parity, each, fits, kind, many_cases, ranks, shapes, sizes
from striate import layers
from striate.errors import ShapeError


def borders(rank, most=3):
    """Every way to write them."""
    number = st.integers(0, most)
    one = st.one_of(number, st.tuples(number, number))
    return st.one_of(number, st.tuples(*[one] * rank))


def written_out(value, rank):
    each_axis = value if isinstance(value, tuple) else (value,) * rank
    return [(one, one) if isinstance(one, int) else one for one in each_axis]


@many_cases
def test_zero_padding_and_cropping(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), ranks)
    def check(data, rank):
        shape, value = data.draw(shapes(rank)), data.draw(borders(rank))
        pixels = [n for border in reversed(written_out(value, rank)) for n in border]
        check_parity(kind("ZeroPadding{}D", rank)(value), shape, lambda x, _: F.pad(x, pixels))
        layer = kind("Cropping{}D", rank)(value)
        inside = tuple(
            slice(before, n - after)
            for n, (before, after) in zip(shape, written_out(value, rank), strict=False)
        )
        if fits(layer, shape):
            check_parity(layer, shape, lambda x, _: x[(slice(None), slice(None), *inside)])
        else:
            assert any(part.stop <= part.start for part in inside)

    check()


@many_cases
def test_upsampling_repeats_every_value(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), ranks)
    def check(data, rank):
        shape, size = data.draw(shapes(rank)), data.draw(sizes(rank, most=3))

        def repeated(x, _):
            for axis, times in enumerate(each(size, rank), start=2):
                x = x.repeat_interleave(times, dim=axis)
            return x

        check_parity(kind("UpSampling{}D", rank)(size), shape, repeated)

    check()


@many_cases
def test_bilinear_upsampling_is_torchs(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), sizes(2, most=3))
    def check(shape, size):
        times = tuple(map(float, each(size, 2)))
        check_parity(
            layers.UpSampling2D(size, "bilinear"),
            shape,
            lambda x, _: F.interpolate(x, scale_factor=times, mode="bilinear"),
        )

    check()


def test_bilinear_upsampling_as_tensorflow_has_it():
    network = layers.build([layers.UpSampling2D(2, "bilinear")], (1, 2, 1))
    row = network(torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2))[0, 0, 0]
    assert row.tolist() == [0.0, 0.25, 0.75, 1.0]  # half-pixel centres, clamped at the border


@many_cases
def test_reshape_undoes_flatten(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.integers(0, 3).flatmap(shapes))
    def check(shape):
        network = layers.build([layers.Flatten(), layers.Reshape(shape)], shape)
        x = torch.randn(2, shape[-1], *shape[:-1])
        assert torch.equal(network(x), x)
        assert layers.Reshape((-1, *shape[1:])).output_shape((prod(shape),)) == shape

    check()


def test_values_that_do_not_fill_a_shape_are_explained():
    message = r"the 12 values of its input, a feature map of 2×2×3 .*do not fill a shape of \(5, -1"
    with pytest.raises(ShapeError, match=message) as caught:
        layers.infer([layers.Reshape((5, -1))], (2, 2, 3))
    assert caught.value.code == "shape-reshape"


@many_cases
def test_dense_and_maxout(cases):
    @settings(max_examples=cases, deadline=None)
    @given(channels, channels, st.integers(1, 3))
    def check(features, units, pieces):
        check_parity(layers.Dense(units), (features,), lambda x, w: x @ w["weight"].T + w["bias"])

        def largest(x, w):
            each = x @ w["linear.weight"].T + w["linear.bias"]  # [N, units * pieces]
            return torch.stack([each[:, j::pieces] for j in range(pieces)]).amax(0)

        check_parity(layers.Maxout(units, pieces), (features,), largest)

    check()


@many_cases
def test_layer_and_group_normalization(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), st.integers(0, 3), st.integers(1, 3), st.integers(2, 3))
    def check(data, rank, groups, size):
        shape = data.draw(shapes(rank, st.just(groups * size)))
        beside = (1, -1, *[1] * rank)

        def over_channels(x, w):
            mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
            whitened = (x - mean) / (variance + 1e-3).sqrt()
            return whitened * w["weight"].reshape(beside) + w["bias"].reshape(beside)

        def over_groups(x, w):
            parts = x.unflatten(1, (groups, size)).flatten(2)
            mean, variance = parts.mean(2, True), parts.var(2, keepdim=True, correction=0)
            whitened = ((parts - mean) / (variance + 1e-3).sqrt()).reshape(x.shape)
            return whitened * w["weight"].reshape(beside) + w["bias"].reshape(beside)

        check_parity(layers.LayerNormalization(), shape, over_channels)
        check_parity(layers.GroupNormalization(groups), shape, over_groups)

    check()


@many_cases
def test_batch_normalization(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), st.integers(0, 3))
    def check(data, rank):
        shape = data.draw(shapes(rank))
        beside, others = (1, -1, *[1] * rank), [0, *range(2, 2 + rank)]

        def over_the_batch(x, w):
            mean, variance = x.mean(others, True), x.var(others, keepdim=True, correction=0)
            whitened = (x - mean) / (variance + 1e-3).sqrt()
            return whitened * w["weight"].reshape(beside) + w["bias"].reshape(beside)

        check_parity(layers.BatchNormalization(), shape, over_the_batch)

    check()


@many_cases
def test_local_response_normalization(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), st.integers(0, 3), st.sampled_from([1, 3, 5]))
    def check(data, rank, size):
        shape = data.draw(shapes(rank, st.integers(1, 7)))

        def slowly(x, _):
            rows = []
            for k in range(x.shape[1]):
                near = x[:, max(k - size // 2, 0) : k + size // 2 + 1]
                rows.append(x[:, k] / (2 + 0.3 * near.square().sum(1)) ** 0.75)
            return torch.stack(rows, dim=1)

        check_parity(layers.LocalResponseNormalization(size, alpha=0.3), shape, slowly)
        if rank:
            check_parity(
                layers.LocalResponseNormalization(size, alpha=0.3, bias=1.5),
                shape,
                lambda x, _: F.local_response_norm(x, size, 0.3 * size, 0.75, 1.5),
            )

    check()


def test_groups_that_do_not_divide_are_explained():
    with pytest.raises(
        ShapeError, match="groups must divide channels, got groups=4 and channels=6"
    ):
        layers.infer([layers.GroupNormalization(4)], (3, 3, 6))


def test_what_is_cropped_away_is_explained():
    with pytest.raises(
        ShapeError, match=r"cropping=2 leaves nothing of an input of 4×9×1"
    ) as caught:
        layers.infer([layers.Cropping2D(2)], (4, 9, 1))
    assert caught.value.code == "shape-cropped-away"

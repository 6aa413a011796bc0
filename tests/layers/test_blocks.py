"""Layers made of layers: against the same written by hand, and what is said when they differ."""

import json

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from layers.parity import check_parity, many_cases, shapes
from striate import layers
from striate.errors import FileError, ShapeError, UsageError
from striate.layers import Branches, Conv2D, Dense, Residual
from striate.nn import DropPath


def conv(x, w, name, **options):
    return F.conv2d(x, w[f"{name}.weight"], w.get(f"{name}.bias"), **options)


def norm(x, w, name):
    scale, shift = w[f"{name}.weight"], w[f"{name}.bias"]
    return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-3)


@many_cases
def test_residual(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), st.integers(1, 4), st.integers(1, 3))
    def check(shape, filters, stride):
        layer = Residual([Conv2D(filters, 3, stride, padding=1)], activation="tanh")

        def by_hand(x, w):
            branch = conv(x, w, "branch.conv2d_1", stride=stride, padding=1)
            shortcut = x
            if branch.shape != x.shape:
                shortcut = conv(x, w, "shortcut.conv2d_1", stride=stride)
                shortcut = norm(shortcut, w, "shortcut.batch_normalization_1")
            return (branch + shortcut).tanh()

        check_parity(layer, shape, by_hand)

    check()


@many_cases
def test_branches(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), st.integers(1, 3), st.integers(1, 3))
    def check(shape, narrow, wide):
        check_parity(
            Branches([Conv2D(narrow, 1), (), [layers.MaxPooling2D(3, 1, 1), Conv2D(wide, 1)]]),
            shape,
            lambda x, w: torch.cat(
                [
                    conv(x, w, "branches.0.conv2d_1"),
                    x,
                    conv(F.max_pool2d(x, 3, 1, 1), w, "branches.2.conv2d_1"),
                ],
                dim=1,
            ),
        )

    check()


@many_cases
def test_squeeze_excite(cases):
    @settings(max_examples=cases, deadline=None)
    @given(st.data(), st.integers(1, 3), st.integers(1, 3))
    def check(data, reduction, hidden):
        def gated(x, w):
            context = x.mean((2, 3)) @ w["squeeze.weight"].flatten(1).T + w["squeeze.bias"]
            gate = context.relu() @ w["expand.weight"].flatten(1).T + w["expand.bias"]
            return x * gate.sigmoid()[:, :, None, None]

        shape = data.draw(shapes(2, st.just(reduction * hidden)))
        check_parity(layers.SqueezeExcite(reduction), shape, gated)

    check()


@many_cases
def test_fire(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), *[st.integers(1, 3)] * 3)
    def check(shape, squeeze, one, three):
        def by_hand(x, w):
            narrow = conv(x, w, "pointwise_conv2d_1").relu()
            left = conv(narrow, w, "branches_1.branches.0.pointwise_conv2d_1").relu()
            right = conv(narrow, w, "branches_1.branches.1.conv2d_1", padding=1).relu()
            return torch.cat([left, right], dim=1)

        check_parity(layers.Fire(squeeze, one, three), shape, by_hand)

    check()


@many_cases
def test_dense_block(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
    def check(shape, depth, growth, bottleneck):
        def by_hand(x, w):
            for number in range(1, depth + 1):
                name = f"branches_{number}.branches.1."
                new = norm(x, w, name + "batch_normalization_1").relu()
                new = conv(new, w, name + "conv2d_1", padding=0 if bottleneck else 1)
                if bottleneck:
                    new = norm(new, w, name + "batch_normalization_2").relu()
                    new = conv(new, w, name + "conv2d_2", padding=1)
                x = torch.cat([x, new], dim=1)
            return x

        layer = layers.DenseBlock(depth, growth, bottleneck)
        assert layer.output_shape(shape)[-1] == shape[-1] + depth * growth
        check_parity(layer, shape, by_hand)

    check()


@many_cases
def test_inverted_residual(cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(2), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2))
    def check(shape, filters, expansion, stride):
        layer = layers.InvertedResidual(filters, expansion, stride, activation="tanh")
        added = stride == 1 and filters == shape[-1]
        borders = [n for size in shape[1::-1] for n in _same(size, stride)]

        def by_hand(x, w):
            start, y, number = ("residual_1.branch." if added else ""), x, 1
            if expansion > 1:
                y = conv(y, w, start + "pointwise_conv2d_1")
                y, number = norm(y, w, start + "batch_normalization_1").tanh(), 2
            y = conv(
                F.pad(y, borders), w, start + "depthwise_conv2d_1", stride=stride, groups=y.shape[1]
            )
            y = norm(y, w, start + f"batch_normalization_{number}").tanh()
            y = conv(y, w, start + f"pointwise_conv2d_{number}")
            y = norm(y, w, start + f"batch_normalization_{number + 1}")
            return x + y if added else y

        check_parity(layer, shape, by_hand)

    check()


def _same(size, stride):
    along = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return along // 2, along - along // 2


def test_a_fresh_block_whose_last_gamma_is_zero_passes_its_input():
    branch = [Conv2D(3, 3, padding="same"), layers.BatchNormalization(), layers.DropPath(0.5)]
    block = layers.build([Residual(branch, zero_last_gamma=True, activation=None)], (5, 5, 3))
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(block(x), x)
    assert any(isinstance(part, DropPath) for part in block.modules())
    with pytest.raises(UsageError, match="False where the branch normalises nothing"):
        layers.build([Residual(Conv2D(3, 1), zero_last_gamma=True)], (5, 5, 3))
    gamma = layers.build([layers.BatchNormalization(gamma_initializer="zeros")], (4,))[0].weight
    assert not gamma.any()


def test_blocks_within_blocks_come_back_from_json():
    inner = Residual([Conv2D(4, 3, padding="same", kernel_regularizer=layers.L2(0.1))])
    block = Branches([inner, [Conv2D(2, 1, name="narrow"), Branches([(), Conv2D(1, 1)])]])
    text = json.dumps(block.to_json())
    assert layers.from_json(json.loads(text)) == block
    assert hash(layers.from_json(json.loads(text))) == hash(block)
    with pytest.raises(FileError, match=r"no layer is called 'Conf2D'.*'Conv2D'"):
        layers.from_json(json.loads(text.replace('"Conv2D"', '"Conf2D"', 1)))


@pytest.mark.parametrize(
    ("layer", "shape", "code", "message"),
    [
        (
            Branches([Conv2D(4, 3), Conv2D(4, 1)]),
            (8, 6, 2),
            "shape-branches-differ",
            r"Layer 1 \(branches_1\): the branches give 6×4×4, 8×6×4; .*padding=\"same\"",
        ),
        (
            Residual([Conv2D(4, 3), Conv2D(4, 3)]),
            (8, 6, 4),
            "shape-branches-differ",
            r"Layer 1 \(residual_1\): the branch makes 4×2×4 of its input of 8×6×4, the shortcut "
            r"8×6×4; they are added",
        ),
        (
            Residual([Conv2D(4, 1), Dense(3)]),
            (8, 6, 4),
            "shape-needs-vector",
            r"Layer 1 \(residual_1\), branch, layer 2 \(dense_1\): Dense needs a vector",
        ),
        (
            Branches([Conv2D(4, 1), [Conv2D(4, 9, name="wide")]]),
            (8, 6, 4),
            "shape-window-too-large",
            r"\(branches_1\), branch 2, layer 1 \(wide\): a kernel of 9×9 .* 8×6×4",
        ),
        (
            layers.SqueezeExcite(3),
            (8, 6, 4),
            "shape-divides",
            r"Layer 1 \(squeeze_excite_1\): reduction must divide channels, got reduction=3",
        ),
        (
            layers.DenseBlock(2),
            (8, 6),
            "shape-needs-map",
            r"DenseBlock needs a feature map \(height, width, channels\), got a sequence of 8×6 "
            r"\(steps×channels\)\. With one channel it is \(8, 6, 1\)",
        ),
    ],
)
def test_a_block_that_does_not_fit_is_explained(layer, shape, code, message):
    with pytest.raises(ShapeError, match=message) as caught:
        layers.infer([layer], shape)
    assert caught.value.code == code


def test_the_shortcut_strides_as_blocks_within_the_branch_do():
    inner = Residual(Conv2D(3, 3, 2, "same"))
    assert Residual([inner, Conv2D(4, 3, 2, "same")]).output_shape((9, 7, 2)) == (3, 2, 4)


def test_convolutions_of_a_dense_block_have_no_bias():
    network = layers.build([layers.DenseBlock(2, 3)], (4, 4, 2))
    assert all(part.bias is None for part in network.modules() if isinstance(part, nn.Conv2d))

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from scipy import signal

from byhand.peers import agree, draw_numbers, given, moves, seeds
from striate.byhand import METHODS, convolve, correlate, toeplitz
from striate.errors import ShapeError, UnknownName, UsageError
from striate.shapes import same_padding

TORCH = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@given(moves(max_axes=3), seeds)
def test_every_way_gives_what_torch_gives(case, seed):
    x, kernel = draw_numbers(seed, case.size, case.kernel)
    tensors = torch.from_numpy(x)[None, None], torch.from_numpy(kernel)[None, None]
    theirs = TORCH[len(case.size)](*tensors, None, case.stride, case.padding, case.dilation)[0, 0]
    for method in METHODS:
        ours = correlate(x, kernel, case.padding, case.stride, case.dilation, method=method)
        agree(ours, theirs)


@given(moves(), seeds, st.sampled_from(["valid", "same", "full"]))
def test_every_way_agrees_under_every_named_padding(case, seed, padding):
    size = tuple(
        max(n, (k - 1) * d + 1)
        for n, k, d in zip(case.size, case.kernel, case.dilation, strict=True)
    )
    x, kernel = draw_numbers(seed, size, case.kernel)
    first, *others = (
        correlate(x, kernel, padding, case.stride, case.dilation, method=method)
        for method in METHODS
    )
    for other in others:
        agree(other, first)


@pytest.mark.parametrize("mode", ["valid", "full"])
@given(moves(), seeds)
def test_scipy_agrees_on_both_operations(mode, case, seed):
    size = tuple(map(max, case.size, case.kernel))
    x, kernel = draw_numbers(seed, size, case.kernel)
    agree(correlate(x, kernel, mode), signal.correlate(x, kernel, mode))
    agree(convolve(x, kernel, mode), signal.convolve(x, kernel, mode))


@given(moves(max_axes=1), seeds)
def test_same_is_ceil_of_size_over_stride_with_the_odd_zero_after(case, seed):
    x, kernel = draw_numbers(seed, case.size, case.kernel)
    settings = (case.stride[0], case.dilation[0])
    padded = np.pad(x, same_padding(case.size[0], case.kernel[0], *settings))
    result = correlate(x, kernel, "same", *settings)
    assert len(result) == -(-case.size[0] // case.stride[0])
    agree(result, correlate(padded, kernel, "valid", *settings))


@given(moves(), seeds)
def test_the_transposed_matrix_is_the_way_back(case, seed):
    x, kernel = draw_numbers(seed, case.size, case.kernel)
    matrix = toeplitz(kernel, case.size, case.padding, case.stride, case.dilation)
    (arrived,) = draw_numbers(seed + 1, case.positions())
    tensor = torch.tensor(x[None, None], requires_grad=True)
    weights = torch.from_numpy(kernel)[None, None]
    y = TORCH[x.ndim](tensor, weights, None, case.stride, case.padding, case.dilation)
    (gradient,) = torch.autograd.grad(y, tensor, torch.from_numpy(arrived)[None, None])
    agree((matrix.T @ arrived.reshape(-1)).reshape(case.size), gradient[0, 0])


@pytest.mark.parametrize("method", METHODS)
def test_one_pixel_and_one_tap(method):
    agree(correlate([3.0], [2.0], method=method), [6])
    agree(correlate([[3.0]], [[2.0]], "same", stride=5, method=method), [[6]])
    agree(correlate([3.0], [1.0, 2.0], "full", method=method), [6, 3])
    agree(convolve([3.0], [1.0, 2.0], "full", method=method), [3, 6])


def test_it_takes_lists_integers_and_tensors_with_gradients():
    kernel = torch.tensor([1, -1.0], requires_grad=True)
    assert correlate([3, 1, 4], kernel).tolist() == [2, -3]
    assert correlate(np.array([3, 1, 250], np.uint8), kernel).tolist() == [2, -249]


def test_a_kernel_that_does_not_fit_is_named():
    with pytest.raises(ShapeError, match="spans 5×3 does not fit into an input of 4×4") as error:
        correlate(np.zeros((4, 4)), np.zeros((3, 3)), dilation=(2, 1))
    assert error.value.code == "shape-window-too-large"


def test_axes_must_agree():
    with pytest.raises(ShapeError, match=r"as many axes, got \[4, 4\] and \[3\]") as error:
        correlate(np.zeros((4, 4)), np.zeros(3))
    assert error.value.code == "shape-byhand-axes"
    with pytest.raises(ShapeError):
        correlate(1.0, 2.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stride": 0}, "stride must be a whole number ≥ 1, or 1 of them, got 0"),
        ({"dilation": (1, 1)}, r"dilation must be .*, got \(1, 1\)"),
        ({"padding": -1}, "padding must be a whole number ≥ 0"),
        (
            {"padding": "reflect"},
            'padding must be "valid", "same", "full" or numbers, got \'reflect\'',
        ),
    ],
)
def test_settings_that_are_none(settings, words):
    with pytest.raises(UsageError, match=words) as error:
        correlate([1, 2, 3], [1], **settings)
    assert error.value.code == "usage-byhand-setting"


def test_an_unknown_way_is_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match="toeplitz"):
        correlate([1], [1], method="toeplits")

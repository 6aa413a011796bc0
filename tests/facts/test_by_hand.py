"""Convolution by hand: the worked examples C1 to C7, and what shifting does."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from striate import byhand
from striate.byhand import Conv, convolve, correlate, toeplitz, trace


def grid(text):
    return np.array([[float(number) for number in row.split()] for row in text.split("/")])


PLUS = grid("0 1 0 / 1 1 1 / 0 1 0")
C1 = grid("0 2 1 1 0 / 0 1 1 1 0 / -3 -1 1 0 1 / 0 6 0 0 1 / 0 4 1 7 0")
C3 = grid("1 1 1 0 0 / 0 1 1 1 0 / 0 0 1 1 1 / 0 0 1 1 0 / 0 1 1 0 0")
C4 = grid("3 3 2 1 0 / 0 0 1 3 1 / 3 1 2 2 3 / 2 0 0 2 2 / 2 0 0 0 1")
EXAMPLES = {
    "C1": (C1, PLUS, "valid", grid("3 5 3 / 4 1 3 / 9 8 8")),
    "C2": (
        C1,
        PLUS,
        "same",
        grid("2 4 5 3 1 / -2 3 5 3 2 / -4 4 1 3 2 / 3 9 8 8 2 / 4 11 12 8 8"),
    ),
    "C3": (C3, grid("1 0 1 / 0 1 0 / 1 0 1"), "valid", grid("4 3 4 / 2 4 3 / 2 3 4")),
    "C4": (C4, grid("0 1 2 / 2 2 0 / 0 1 2"), "valid", grid("12 12 17 / 10 17 19 / 9 6 14")),
}


@pytest.mark.parametrize("method", byhand.METHODS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples(name, method):
    image, kernel, padding, answer = EXAMPLES[name]
    np.testing.assert_allclose(correlate(image, kernel, padding, method=method), answer, atol=1e-12)


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples_through_the_layer_and_step_by_step(name):
    image, kernel, padding, answer = EXAMPLES[name]
    layer = Conv(kernel[None, None], padding=padding)
    np.testing.assert_array_equal(layer.forward(image[None, None])[0, 0], answer)
    steps = list(trace(Conv(kernel, padding=padding), image))
    assert [step.total for step in steps] == answer.reshape(-1).tolist()
    assert [step.place for step in steps] == list(np.ndindex(answer.shape))


def test_c1_the_terms_of_the_first_entry():
    first = next(trace(PLUS, C1))
    assert first.expression == "0*0 + 2*1 + 1*0 + 0*1 + 1*1 + 1*1 + -3*0 + -1*1 + 1*0"
    assert str(first) == f"(0, 0): {first.expression} = 3"
    np.testing.assert_array_equal(first.window, C1[:3, :3])


def test_c4_the_step_at_row_1_column_0():
    (step,) = trace(EXAMPLES["C4"][1], C4, at=(1, 0))
    assert step.place == (1, 0)
    assert step.total == 10


def curve_detector():
    curve, kernel = np.zeros((7, 7)), np.zeros((7, 7))
    curve[0, 6], curve[1, 4:7], curve[2, 3:5], curve[3:7, 3:5] = 30, 50, (20, 50), 50
    for place in [(0, 5), (1, 4), (2, 3), (3, 3), (4, 3), (5, 3)]:
        kernel[place] = 30
    return curve, kernel


def test_c5_a_curve_excites_its_detector_and_a_mouse_ear_does_not():
    curve, kernel = curve_detector()
    (step,) = trace(kernel, curve)
    assert step.nonzero == "50*30 + 20*30 + 50*30 + 50*30 + 50*30"
    assert step.total == 6600
    ear = np.where(kernel > 0, 0.0, 40.0)  # shares no pixel with the detector
    (step,) = trace(kernel, ear)
    assert (step.nonzero, step.total) == ("0", 0)


def test_c6_a_convolution_as_a_toeplitz_matrix():
    x, y, z = 2.0, 3.0, 5.0
    signal = np.array([7.0, 11, 13, 17, 19, 23])  # a to f
    matrix = toeplitz([x, y, z], 6, padding="same")
    rows = [[y, z, 0, 0, 0, 0], *([0] * i + [x, y, z] + [0] * (3 - i) for i in range(4))]
    np.testing.assert_array_equal(matrix, [*rows, [0, 0, 0, 0, x, y]])
    a, b, c, d, e, f = signal
    answer = [a * y + b * z, a * x + b * y + c * z, b * x + c * y + d * z]
    answer += [c * x + d * y + e * z, d * x + e * y + f * z, e * x + f * y]
    np.testing.assert_array_equal(matrix @ signal, answer)
    np.testing.assert_array_equal(convolve(signal, [z, y, x], padding="same"), answer)
    np.testing.assert_array_equal(np.convolve(signal, [z, y, x], mode="same"), answer)


def test_c7_a_small_kernel_over_a_padded_image():
    image = np.arange(1.0, 13).reshape(3, 4)  # a to l
    w, x, y, z = 2.0, 3.0, 5.0, 7.0
    a, b, c, d = image[0]
    result = correlate(image, [[w, x], [y, z]], padding=1)
    assert result.shape == (4, 5)
    row = [a * z, a * y + b * z, b * y + c * z, c * y + d * z, d * y]
    np.testing.assert_array_equal(result[0], row)
    first = next(trace(Conv(np.array([[w, x], [y, z]]), padding=1), image))
    assert [term.pixel for term in first.terms if term.inside] == [(0, 0)]


def test_networks_compute_cross_correlation_and_convolution_turns_the_kernel():
    random = np.random.default_rng(0)
    image, kernel = random.normal(size=(9, 8)), random.normal(size=(3, 4))
    turned = np.rot90(kernel, 2)
    np.testing.assert_array_equal(byhand.rot180(kernel), turned)
    np.testing.assert_array_equal(convolve(image, kernel), correlate(image, turned))
    tensors = torch.from_numpy(image)[None, None], torch.from_numpy(kernel)[None, None]
    np.testing.assert_allclose(correlate(image, kernel), F.conv2d(*tensors)[0, 0], atol=1e-12)
    assert not np.allclose(correlate(image, kernel), convolve(image, kernel))


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (2, 3)])
def test_convolution_of_the_shifted_is_the_shifted_convolution(shift):
    random = np.random.default_rng(1)
    image, kernel = random.normal(size=(12, 11)), random.normal(size=(3, 3))
    inner = (slice(shift[0], None), slice(shift[1], None))
    first = correlate(np.roll(image, shift, (0, 1)), kernel)[inner]
    then = np.roll(correlate(image, kernel), shift, (0, 1))[inner]
    np.testing.assert_allclose(first, then, atol=1e-12)


def test_a_dense_layer_is_not_equivariant():
    random = np.random.default_rng(1)
    row, weights = random.normal(size=(1, 8)), random.normal(size=(8, 8))
    first = byhand.dense(np.roll(row, 1, 1), weights)[:, 1:]
    assert not np.allclose(first, np.roll(byhand.dense(row, weights), 1, 1)[:, 1:])


def test_a_shift_changes_all_inputs_but_only_half_of_the_pooled_outputs():
    """Goodfellow et al. 2016, "Deep Learning", figure 9.8: windows of three."""
    before, after = np.array([0.1, 1, 0.2, 0.1]), np.array([0.3, 0.1, 1, 0.2])
    assert (before[:3] == after[1:]).all()  # moved to the right by one
    assert (before != after).all()
    pooled = [
        byhand.max_pool(row[None, None], 3, 1, padding="same")[0, 0] for row in (before, after)
    ]
    np.testing.assert_array_equal(pooled, [[1, 1, 1, 0.2], [0.3, 1, 1, 1]])
    assert (pooled[0] != pooled[1]).mean() == 0.5


def test_a_2x2_max_pool_keeps_outputs_where_a_shift_changes_every_input():
    """Of six pixels under both windows the two shared ones hold the largest in a third of cases."""
    image = np.random.default_rng(2).permutation(200 * 201).reshape(1, 1, 200, 201)
    before, after = image[..., 1:], image[..., :-1]
    assert (before != after).all()
    changed = (byhand.max_pool(before) != byhand.max_pool(after)).mean()
    assert changed == pytest.approx(2 / 3, abs=0.02)


def test_a_2x2_kernel_over_3x3_shares_4_weights():
    image, kernel = np.arange(9.0).reshape(3, 3), np.array([[1.0, 2], [3, 4]])
    layer = Conv(kernel[None, None], np.zeros(1))
    matrix = toeplitz(kernel, (3, 3))
    assert matrix.shape == (4, 9)  # the dense layer that does the same has 36 weights
    assert (layer.weights.size, matrix.size) == (4, 36)
    assert (layer.weights.size + layer.bias.size, matrix.size + 4) == (5, 40)
    np.testing.assert_array_equal(matrix @ image.reshape(-1), correlate(image, kernel).reshape(-1))

"""The classic kernels: their exact numbers, and what they do to a picture."""

import numpy as np
import pytest
from scipy.signal import convolve2d, correlate2d

from striate import filters

PLUS = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
EXACT = {
    "identity": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1),
    "edge_corners": ([[1, 0, -1], [0, 0, 0], [-1, 0, 1]], 1),
    "edge_cross": ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], 1),
    "edge_all": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 1),
    "sharpen": ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1),
    "strong_sharpen": ([[0, -3, 0], [-3, 21, -3], [0, -3, 0]], 9),
    "box_blur": ([[1] * 3] * 3, 9),
    "low_pass": ([[1] * 8] * 8, 64),
    "gaussian": ([[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16),
    "sobel_x": ([[1, 0, -1], [2, 0, -2], [1, 0, -1]], 1),
    "sobel_y": ([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], 1),
    "gradient_x": ([[-1, 1], [-1, 1]], 1),
    "gradient_y": ([[-1, -1], [1, 1]], 1),
    "plus": (PLUS, 1),
    "brighten": ([[0, 0, 0], [0, 1.5, 0], [0, 0, 0]], 1),
}
KEEPS_FLAT = ("identity", "sharpen", "strong_sharpen", "box_blur", "low_pass", "gaussian")
FINDS_EDGES = ("edge_corners", "edge_cross", "edge_all", "sobel_x", "sobel_y", "sobel",
               "gradient_x", "gradient_y", "gradient")  # fmt: skip
C1 = np.array([[0, 2, 1, 1, 0], [0, 1, 1, 1, 0], [-3, -1, 1, 0, 1], [0, 6, 0, 0, 1],
               [0, 4, 1, 7, 0]])  # fmt: skip


def step(side: int = 12) -> np.ndarray:
    """Dark (50) on the left, bright (200) on the right."""
    picture = np.full((side, side), 50.0)
    picture[:, side // 2 :] = 200
    return picture


def test_the_table_holds_these_kernels_and_no_others() -> None:
    assert set(filters.KERNELS) == set(EXACT)
    assert set(filters.NAMES) == set(EXACT) | {"sobel", "gradient"}


@pytest.mark.parametrize("name", EXACT)
def test_numbers_are_exact(name: str) -> None:
    numbers, divisor = EXACT[name]
    kernel = filters.KERNELS[name]
    assert np.array_equal(kernel.numbers, numbers)
    assert kernel.divisor == divisor
    assert np.array_equal(kernel.weights, np.array(numbers) / divisor)


def test_sobel_y_is_the_transpose_of_sobel_x() -> None:
    assert np.array_equal(filters.KERNELS["sobel_x"].weights.T, filters.KERNELS["sobel_y"].weights)


@pytest.mark.parametrize("kernel", [PLUS, "plus"])
def test_the_plus_sign_by_hand(kernel: object) -> None:
    inside = [[3, 5, 3], [4, 1, 3], [9, 8, 8]]
    same = [[2, 4, 5, 3, 1], [-2, 3, 5, 3, 2], [-4, 4, 1, 3, 2], [3, 9, 8, 8, 2], [4, 11, 12, 8, 8]]
    assert filters.apply(C1, kernel, padding="valid").tolist() == inside
    assert filters.apply(C1, kernel, padding="zero").tolist() == same
    assert filters.apply(C1, kernel, padding="same").tolist() == same


def test_x_shaped_detector_by_hand() -> None:
    picture = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
    kernel = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    found = filters.apply(picture, kernel, padding="valid")
    assert found.tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_convolution_is_correlation_with_the_kernel_turned() -> None:
    random = np.random.default_rng(0)
    picture, kernel = random.normal(size=(9, 7)), random.normal(size=(3, 4))
    turned = filters.apply(picture, np.rot90(kernel, 2))
    convolved = filters.apply(picture, kernel, mode="convolution")
    np.testing.assert_allclose(convolved, turned, rtol=1e-12)
    np.testing.assert_allclose(
        filters.apply(picture, kernel, mode="convolution", padding="valid"),
        convolve2d(picture, kernel, mode="valid"),
    )
    np.testing.assert_allclose(
        filters.apply(picture, kernel, padding="valid"), correlate2d(picture, kernel, mode="valid")
    )


@pytest.mark.parametrize("name", KEEPS_FLAT)
def test_blur_and_sharpening_leave_a_flat_picture(name: str) -> None:
    np.testing.assert_allclose(filters.apply(np.full((9, 9), 77.0), name), 77)


@pytest.mark.parametrize("name", FINDS_EDGES)
def test_edge_kernels_answer_nothing_on_a_flat_picture(name: str) -> None:
    assert not filters.apply(np.full((9, 9), 77.0), name).any()


@pytest.mark.parametrize(
    ("name", "at_the_edge"),
    [("sobel_x", -600), ("sobel", 600), ("gradient_x", 300), ("gradient", 300)],
)
def test_upright_edge_is_found_where_it_is(name: str, at_the_edge: float) -> None:
    answers = filters.apply(step(), name)
    assert set(answers[:, 5]) == {at_the_edge}
    assert not answers[:, :4].any()
    assert not answers[:, 8:].any()


@pytest.mark.parametrize("name", ["sobel_y", "gradient_y"])
def test_level_edge_kernels_do_not_see_an_upright_edge(name: str) -> None:
    assert not filters.apply(step(), name).any()
    assert filters.apply(step().T, name).any()


def test_effects_on_an_edge() -> None:
    def contrast(name: str) -> float:
        row = filters.apply(step(), name)[6]
        return row.max() - row.min()

    def steepest(name: str) -> float:
        return np.abs(np.diff(filters.apply(step(), name)[6])).max()

    assert contrast("sharpen") > contrast("strong_sharpen") > contrast("identity") == 150
    assert steepest("low_pass") < steepest("box_blur") < steepest("identity")
    assert steepest("gaussian") == 75
    assert steepest("low_pass") == 150 / 8


def test_plus_answers_most_at_a_plus_sign() -> None:
    picture = np.zeros((9, 9))
    picture[3:6, 4] = picture[4, 3:6] = 255
    answers = filters.apply(picture, "plus")
    assert answers.max() == answers[4, 4] == 5 * 255
    assert np.sort(answers.ravel())[-2] < answers.max()


def test_brighten_is_identity_times_gain() -> None:
    assert np.array_equal(filters.apply(step(), "brighten"), 1.5 * step())
    assert np.array_equal(filters.apply(step(), filters.brighten(0.5)), 0.5 * step())

"""Running a kernel: borders, channels, even sizes, pictures to look at, errors."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from striate import filters
from striate.errors import ShapeError, UnknownName, UsageError

OUTSIDE = {"reflect": "reflect", "edge": "edge", "zero": "constant", "same": "constant"}
sizes = st.integers(1, 9)


@given(sizes, sizes, sizes, sizes, st.sampled_from([*OUTSIDE, "valid"]), st.integers(0, 99))
def test_any_size_agrees_with_torch(
    height: int, width: int, rows: int, columns: int, padding: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    picture, kernel = random.normal(size=(height, width)), random.normal(size=(rows, columns))
    if padding == "valid" and (rows > height or columns > width):
        with pytest.raises(ShapeError) as caught:
            filters.apply(picture, kernel, padding=padding)
        assert caught.value.code == "shape-kernel-too-large"
        return
    found = filters.apply(picture, kernel, padding=padding)
    if padding != "valid":
        before, after = ((rows - 1) // 2, (columns - 1) // 2), (rows // 2, columns // 2)
        picture = np.pad(picture, tuple(zip(before, after, strict=True)), mode=OUTSIDE[padding])
    expected = F.conv2d(torch.from_numpy(picture)[None, None], torch.from_numpy(kernel)[None, None])
    np.testing.assert_allclose(found, expected[0, 0].numpy(), atol=1e-12)


@pytest.mark.parametrize("name", filters.NAMES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_each_channel_is_by_itself(name: str, channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (10, 12, channels), dtype=np.uint8)
    together = filters.apply(picture, name)
    assert together.shape == picture.shape
    for channel in range(channels):
        assert np.array_equal(together[..., channel], filters.apply(picture[..., channel], name))


def test_bytes_do_not_overflow() -> None:
    picture = np.full((5, 5), 255, np.uint8)
    assert filters.apply(picture, "plus").max() == 1275
    assert filters.apply(picture, [[-1.0]]).min() == -255


def test_pictures_to_look_at() -> None:
    answers = [[-510, -0.4, 0.6, 255, 510]]
    assert filters.to_uint8(answers, "clipped").tolist() == [[0, 0, 1, 255, 255]]
    assert filters.to_uint8(answers, "signed").tolist() == [[1, 128, 128, 192, 255]]
    assert filters.to_uint8(answers, "stretched").tolist() == [[0, 0, 0, 128, 255]]
    assert filters.to_uint8(answers, "signed", limit=255).tolist() == [[0, 128, 128, 255, 255]]
    assert filters.to_uint8(np.zeros((2, 2)), "signed").tolist() == [[128, 128], [128, 128]]


def test_how_answers_are_shown() -> None:
    assert filters.shown_as("sobel") == "stretched"
    assert filters.shown_as("sobel_x") == "signed"
    assert filters.shown_as("gaussian") == "clipped"
    assert filters.shown_as([[0.1, 0.2, -0.3]]) == "signed"
    assert filters.shown_as([[1, 2], [3, 4]]) == "clipped"


def test_kernels_are_printed_as_books_do() -> None:
    assert str(filters.KERNELS["gaussian"]) == "1 2 1 / 2 4 2 / 1 2 1 ÷ 16"
    assert str(filters.KERNELS["gradient_y"]) == "-1 -1 / 1 1"


def test_parse() -> None:
    assert filters.parse("sobel") == "sobel"
    own = filters.parse("0,1.5,0/1 -5 1/0 1 0")
    assert isinstance(own, filters.Kernel)
    assert own.numbers == ((0, 1.5, 0), (1, -5, 1), (0, 1, 0))


@pytest.mark.parametrize("text", ["1 2/3", "", "/", "1 2/", "1 nan"])
def test_parse_refuses_what_is_no_kernel(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        filters.parse(text)
    assert caught.value.code in ("filter-ragged", "filter-not-finite")


@pytest.mark.parametrize("call", [filters.parse, filters.named, lambda n: filters.apply([[1]], n)])
def test_unknown_kernel_names_the_closest(call: object) -> None:
    with pytest.raises(UnknownName) as caught:
        call("sharpenn")
    assert caught.value.what == "No kernel is named 'sharpenn'."
    assert "'sharpen' or 'strong_sharpen'" in caught.value.fix


@pytest.mark.parametrize(
    ("picture", "kernel", "options", "code"),
    [
        (np.zeros(5), "plus", {}, "shape-picture"),
        (np.zeros((0, 5)), "plus", {}, "shape-picture"),
        (np.zeros((5, 5)), [1, 2, 3], {}, "shape-kernel"),
        (np.zeros((5, 5)), [[]], {}, "shape-kernel"),
        (np.zeros((5, 5)), [[1, 2], [3]], {}, "filter-not-numbers"),
        (np.zeros((7, 9)), "low_pass", {"padding": "valid"}, "shape-kernel-too-large"),
        (np.zeros((5, 5)), "plus", {"padding": "mirror"}, "unknown-name"),
        (np.zeros((5, 5)), "plus", {"mode": "convolve"}, "unknown-name"),
    ],
)
def test_faults_have_codes(picture: object, kernel: object, options: dict, code: str) -> None:
    with pytest.raises((ShapeError, UsageError, UnknownName)) as caught:
        filters.apply(picture, kernel, **options)
    assert caught.value.code == code


def test_too_large_kernel_tells_both_sizes() -> None:
    with pytest.raises(ShapeError, match="A kernel of 8×8 does not fit inside a picture of 7×9"):
        filters.apply(np.zeros((7, 9)), "low_pass", padding="valid")

"""The classic kernels applied to a photograph, and drawn beside it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d
from sklearn.datasets import load_sample_image

from striate import filters
from striate.cli import run

PHOTO = load_sample_image("china.jpg")[100:300, 160:450]  # [200, 290, 3], uint8


def answers(kernel: np.ndarray) -> np.ndarray:
    """Each channel of the photograph, mirrored at its border, correlated with the kernel."""
    before = [(size - 1) // 2 for size in kernel.shape]
    after = [size // 2 for size in kernel.shape]
    borders = [*zip(before, after, strict=True), (0, 0)]
    padded = np.pad(PHOTO.astype(float), borders, mode="reflect")
    channels = [correlate2d(padded[..., c], kernel, mode="valid") for c in range(3)]
    return np.stack(channels, axis=2)


@pytest.mark.parametrize("name", filters.KERNELS)
def test_every_kernel_is_applied_to_each_channel_of_a_photograph(name: str) -> None:
    found = filters.apply(PHOTO, name)
    assert found.shape == PHOTO.shape
    np.testing.assert_allclose(found, answers(filters.KERNELS[name].weights), atol=1e-9)


@pytest.mark.parametrize("name", ["sobel", "gradient"])
def test_edges_in_every_direction_are_the_length_of_both_answers(name: str) -> None:
    across, down = (answers(filters.KERNELS[f"{name}_{axis}"].weights) for axis in "xy")
    np.testing.assert_allclose(filters.apply(PHOTO, name), np.sqrt(across**2 + down**2))


def test_blurs_take_detail_away_and_sharpening_adds_it() -> None:
    def detail(name: str) -> float:
        return np.abs(np.diff(filters.apply(PHOTO, name), axis=1)).mean()

    blurred = [detail(name) for name in ("low_pass", "box_blur", "gaussian", "identity")]
    assert blurred == sorted(blurred)
    assert detail("identity") < detail("strong_sharpen") < detail("sharpen")
    np.testing.assert_allclose(filters.apply(PHOTO, "low_pass").mean(), PHOTO.mean(), rtol=0.02)


def places(drawing: np.ndarray, part: np.ndarray) -> list[tuple[int, int]]:
    """Where a part lies in a drawing, as (row, column), to the last bit."""
    windows = np.lib.stride_tricks.sliding_window_view(drawing, part.shape[:2], axis=(0, 1))
    rows, columns = np.nonzero((windows[..., 0, :] == part[0].T).all(axis=(2, 3)))
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if (windows[row, column] == part.transpose(2, 0, 1)).all()
    ]


@pytest.mark.parametrize("name", ["edge_all", "brighten", "plus"])
def test_the_drawing_shows_the_photograph_and_beside_it_the_answers(
    name: str, tmp_path: Path
) -> None:
    """One kernel of each way to be shown: grey is 0, clipped, and stretched."""
    Image.fromarray(PHOTO).save(tmp_path / "china.png")
    out = tmp_path / "drawing.png"
    assert run(["filter", str(tmp_path / "china.png"), "--kernel", name, "-o", str(out)]) == 0
    with Image.open(out) as image:
        drawing = np.asarray(image.convert("RGB"))[::2, ::2]  # two dots for each pixel
    found = filters.apply(PHOTO, name)
    white = float(np.percentile(np.abs(found), 99.5))
    if name == "edge_all":
        shown = np.rint((128 + found * 127 / white).clip(0, 255)).astype(np.uint8)
    else:
        scale = 255 / white if name == "plus" else 1
        shown = np.rint((found * scale).clip(0, 255)).astype(np.uint8)
    inner = slice(80, 120), slice(120, 160)
    ((top, left),) = places(drawing, PHOTO[inner])
    ((answer_top, answer_left),) = places(drawing, shown[inner])
    assert answer_top == top
    assert answer_left > left + PHOTO.shape[1]

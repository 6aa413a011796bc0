"""Superpixels: every pixel has a part, and the parts follow the image."""

import sys

import pytest
import torch

from striate.errors import ExplainError, ShapeError, UsageError
from striate.explain import superpixels
from striate.explain.superpixels import painted, part_counts


def skimage() -> None:
    if not pytest.importorskip("skimage", reason="SCIKIT-IMAGE ABSENT: pip install scikit-image"):
        raise AssertionError


def quarters() -> torch.Tensor:
    """Two images [3, 24, 32] of four colours each; the second is the first, turned."""
    colours = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [1.0, 1.0, 0]])
    image = colours.T.reshape(3, 2, 2).repeat_interleave(12, 1).repeat_interleave(16, 2)
    return torch.stack([image, image.flip(1)])


def test_slic_never_crosses_an_edge_of_colours() -> None:
    skimage()
    images = quarters()
    parts = superpixels(images, count=16)
    assert parts.shape == (2, 24, 32)
    for image, of in zip(images, parts, strict=True):
        assert of.unique().tolist() == list(range(int(of.max()) + 1))
        assert of.max() >= 3
        for part in of.unique():
            assert image[:, of == part].std(dim=1).amax() < 1e-6
    assert torch.equal(superpixels(images[1:], count=16), parts[1:])


def test_slic_takes_one_channel_and_many() -> None:
    skimage()
    for channels in (1, 5):
        images = quarters()[:, :1].repeat(1, channels, 1, 1)
        parts = superpixels(images, count=8)
        assert all(images[0, 0][parts[0] == part].std() < 1e-6 for part in parts[0].unique())


@pytest.mark.parametrize(("count", "parts"), [(1, 1), (6, 6), (12, 12), (50, 48), (10**6, 96)])
def test_a_grid_has_equal_rectangles(count, parts) -> None:
    found = superpixels(torch.zeros(2, 1, 8, 12), "grid", count)
    assert part_counts(found) == [parts, parts]
    assert found[0].unique().tolist() == list(range(parts))
    sizes = found[0].flatten().bincount()
    assert sizes.max() <= 4 * sizes.min()  # sides of n or n + 1 pixels


def test_own_parts_are_numbered_from_nought() -> None:
    own = torch.tensor([[7, 7, -1], [3, 3, 3]])
    found = superpixels(torch.zeros(2, 3, 2, 3), own)
    assert found.tolist() == [[[2, 2, 0], [1, 1, 1]]] * 2
    each = torch.stack([own, torch.zeros_like(own)])
    assert part_counts(superpixels(torch.zeros(2, 3, 2, 3), each)) == [3, 1]


def test_parts_are_painted_with_their_values() -> None:
    parts = torch.tensor([[[0, 1], [1, 1]], [[0, 0], [2, 1]]])
    values = [torch.tensor([5.0, 6.0]), torch.tensor([1.0, 2.0, 3.0])]
    assert painted(values, parts).tolist() == [[[5, 6], [6, 6]], [[1, 1], [3, 2]]]


def test_without_scikit_image_the_way_out_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    way_out = r"pip install 'striate\[explain\]', or .*'grid'"
    with pytest.raises(ExplainError, match=way_out) as caught:
        superpixels(torch.zeros(1, 3, 8, 8))
    assert caught.value.code == "explain-no-scikit-image"
    assert superpixels(torch.zeros(1, 3, 8, 8), "grid", 4).max() == 3


@pytest.mark.parametrize(
    ("segments", "count", "kind", "code", "message"),
    [
        ("voronoi", 5, UsageError, "explain-segments", "'slic', 'grid' or .* got 'voronoi'"),
        ("grid", 0, UsageError, "explain-superpixels", "at least 1, got 0"),
        (torch.zeros(4, 5).long(), 5, ShapeError, "explain-segments-shape", r"\[4, 5\]"),
        (torch.zeros(8, 8), 5, ShapeError, "explain-segments-shape", "got torch.float32"),
    ],
)
def test_refusals_say_why(segments, count, kind, code, message) -> None:
    with pytest.raises(kind, match=message) as caught:
        superpixels(torch.zeros(1, 3, 8, 8), segments, count)
    assert caught.value.code == code

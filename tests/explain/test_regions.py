"""Regions through windows: against torch's own convolution of a marked rectangle, every case."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from striate.explain._regions import Regions, Window, paste, patches


def reached(start: int, end: int, size: int, kernel: int, stride: int, pad: int, dilation: int):
    """Which outputs of a convolution with all ones see any of the pixels start to end."""
    marked = torch.zeros(1, 1, size)
    marked[..., start:end] = 1
    ones = torch.ones(1, 1, kernel)
    return F.conv1d(marked, ones, stride=stride, padding=pad, dilation=dilation)[0, 0] > 0


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_regions_are_exactly_what_a_convolution_reaches(dilation) -> None:
    for size, kernel, stride, pad in product((8,), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2)):
        window = Window((kernel, kernel), (stride, stride), (pad, pad), (dilation, dilation))
        if size + 2 * pad <= dilation * (kernel - 1):
            continue
        for start, end in product(range(size), range(1, size + 1)):
            if start >= end:
                continue
            hit = reached(start, end, size, kernel, stride, pad, dilation)
            regions = Regions(np.array([[start, 0]]), np.array([[end, size]]), (size, size))
            found = regions.through(window, (len(hit), len(hit)))
            first, last = found.starts[0, 0], found.ends[0, 0]
            assert 0 <= first < last <= len(hit)
            assert not hit[:first].any()
            assert not hit[last:].any()
            if hit.any() and dilation == 1 and stride <= kernel:
                assert hit[first:last].all()
            elif dilation == 1 and not hit.any():  # a stride passes it by
                assert last - first == 1


def test_patches_of_one_size_lie_over_their_regions_and_inside() -> None:
    starts, ends = np.array([[0, 3], [2, 1], [5, 0]]), np.array([[4, 4], [3, 6], [7, 2]])
    regions = Regions(starts, ends, (7, 6))
    assert regions.extent == (4, 5)
    assert regions.corners.tolist() == [[0, 1], [2, 1], [3, 0]]
    assert regions.share == 20 / 42
    assert regions.smallest_share == 4 / 42
    joined = regions.joined(Regions(starts, ends + np.array([0, 1]), (7, 7)))
    assert joined.ends[1].tolist() == [3, 7]


def test_paste_copies_what_two_maps_share() -> None:
    target, source = torch.zeros(1, 1, 3, 3), torch.arange(1.0, 10).view(1, 1, 3, 3)
    paste(target, [0, 0], source, [1, -1])
    assert target[0, 0].tolist() == [[0, 0, 0], [2, 3, 0], [5, 6, 0]]
    paste(target, [0, 0], source, [3, 0])
    assert target.sum() == 16


def test_patches_reach_over_the_border_and_see_what_was_pasted() -> None:
    clean = torch.arange(1.0, 10).view(1, 1, 3, 3)
    corners = np.array([[-1, -1], [1, 1]])
    new = torch.full((2, 1, 1, 1), 50.0)
    cut = patches(clean, corners, (3, 3), -7.0, (new, np.array([[0, 0], [2, 1]])))
    assert cut[0, 0].tolist() == [[-7, -7, -7], [-7, 50, 2], [-7, 4, 5]]
    assert cut[1, 0].tolist() == [[5, 6, -7], [50, 9, -7], [-7, -7, -7]]
    assert clean.sum() == 45

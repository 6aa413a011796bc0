"""The pointing game, on maps whose highest point is known."""

import pytest
import torch

from striate.errors import ShapeError
from striate.explain.quality import pointing_game


def highest_at(*places):
    maps = torch.zeros(1, 8, 10)
    for row, column in places:
        maps[0, row, column] = 2.0
    return maps


BOX = torch.tensor([[3.0, 1.0, 6.0, 4.0]])  # columns 3, 4, 5 and rows 1, 2, 3


def test_a_box_holds_the_pixels_between_its_edges():
    hits = torch.stack(
        [
            torch.stack([pointing_game(highest_at((row, column)), BOX)[0] for column in range(10)])
            for row in range(8)
        ]
    )
    expected = torch.zeros(8, 10)
    expected[1:4, 3:6] = 1
    assert torch.equal(hits, expected)


def test_tolerance_widens_the_box():
    assert pointing_game(highest_at((5, 7)), BOX) == 0
    assert pointing_game(highest_at((5, 7)), BOX, tolerance=2) == 1
    assert pointing_game(highest_at((6, 7)), BOX, tolerance=2) == 0


def test_equal_highest_pixels_share_the_hit():
    assert pointing_game(highest_at((2, 4), (7, 7), (7, 8), (7, 9)), BOX) == 0.25


def test_a_flat_map_points_nowhere():
    assert pointing_game(torch.zeros(1, 8, 10), torch.tensor([[0, 0, 10, 8]])) == 0


def test_any_of_several_boxes_is_a_hit_and_no_box_is_none():
    maps = highest_at((7, 9)).expand(2, 8, 10)
    boxes = [torch.tensor([[0, 0, 1, 1], [9, 7, 10, 8]]), torch.zeros(0, 4)]
    assert pointing_game(maps, boxes).tolist() == [1.0, 0.0]


def test_boxes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="boxes for 2"):
        pointing_game(highest_at((0, 0)), torch.zeros(2, 4))
    with pytest.raises(ShapeError, match=r"got \[1, 3\]"):
        pointing_game(highest_at((0, 0)), [torch.zeros(1, 3)])

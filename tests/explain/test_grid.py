"""Every point has a cell of its own, and the best one where that is known."""

from itertools import permutations

import numpy as np
import pytest

from striate.errors import ShapeError
from striate.explain import grid
from striate.explain.grid import grid_picture, snap_to_grid


def test_points_on_a_grid_stay_where_they_are() -> None:
    rows, columns = np.divmod(np.arange(25), 5)
    points = np.stack([columns, -rows], axis=1).astype(float)  # y goes up, rows go down
    cells, side = snap_to_grid(points)
    assert side == 5
    np.testing.assert_array_equal(cells, np.stack([rows, columns], axis=1))


def test_the_assignment_is_the_cheapest_of_all() -> None:
    points = np.random.default_rng(3).normal(size=(4, 2))
    cells, side = snap_to_grid(points)
    unit = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    placed = np.stack([2 * (1 - unit[:, 1]), 2 * unit[:, 0]], axis=1)
    every = [(row, column) for row in range(2) for column in range(2)]
    costs = [((placed - np.array(order) - 0.5) ** 2).sum() for order in permutations(every)]
    assert side == 2
    assert ((placed - cells - 0.5) ** 2).sum() == pytest.approx(min(costs))


@pytest.mark.parametrize("count", [1, 2, 5, 17, 300, 1201])
def test_cells_are_different_and_on_the_grid(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "EXACT", 100)
    points = np.random.default_rng(count).normal(size=(count, 2))
    cells, side = snap_to_grid(points)
    assert side == int(np.ceil(np.sqrt(count)))
    assert len({tuple(cell) for cell in cells.tolist()}) == count
    assert cells.min() >= 0
    assert cells.max() < side


def test_parting_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).uniform(size=(400, 2))

    def cost() -> float:
        cells, side = snap_to_grid(points)
        placed = np.stack([side * (1 - points[:, 1]), side * points[:, 0]], axis=1)
        return float(((placed - cells - 0.5) ** 2).sum())

    exact = cost()
    monkeypatch.setattr(grid, "EXACT", 50)
    assert exact <= cost() < 1.6 * exact


def test_the_picture_has_each_image_in_its_cell() -> None:
    images = (
        np.arange(3, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(4, 2).repeat(3, 3)
    )
    shown = grid_picture(images, np.array([[0, 1], [1, 0], [1, 1]]), 2)
    assert shown.shape == (4, 8, 3)
    assert shown[::2, ::4, 0].tolist() == [[255, 0], [1, 2]]


def test_points_that_are_none() -> None:
    with pytest.raises(ShapeError, match=r"\[0, 2\]"):
        snap_to_grid(np.zeros((0, 2)))

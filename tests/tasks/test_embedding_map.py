"""Parts of the map that can be worked out by hand."""

import numpy as np

from striate.tasks.embedding_map import _others, _ranges


def test_an_image_is_not_its_own_neighbour() -> None:
    line = np.array([[0.0], [1.0], [3.0], [3.0], [7.0]], np.float32)
    found = _others(line, "euclidean")
    assert found.shape == (5, 4)
    assert all(row not in others for row, others in enumerate(found.tolist()))
    assert found[0].tolist()[0] == 1
    assert found[2, 0] == 3  # an equal one is the nearest
    same = _others(np.ones((9, 2), np.float32), "euclidean")
    assert same.shape == (9, 5)
    assert all(row not in others for row, others in enumerate(same.tolist()))
    assert _others(np.ones((1, 2), np.float32)).shape == (1, 0)


def test_numbers_are_shown_as_ranges() -> None:
    edges = np.array([0.0, 1.0, 2.0])
    assert _ranges(np.array([-5, 0.5, 1, 2, 9]), edges) == ["0 to 1"] * 2 + ["1 to 2"] * 3
    assert _ranges(np.array([3.0]), np.array([3.0])) == ["3"]

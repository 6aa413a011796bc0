"""The known images most like an image, in any space of features."""

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError


class Neighbours(NamedTuple):
    """Nearest first, [M, k]: positions in the bank and distances to them."""

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


def nearest(
    queries: Any, bank: Any, k: int = 5, *, metric: Literal["cosine", "euclidean"] = "cosine"
) -> Neighbours:
    """The k rows of the bank nearest to each query; all of them where the bank has fewer.

    Shape: queries [M, D] and bank [N, D], tensors or arrays -> [M, min(k, N)].
    Args:
        metric: cosine distance 1 − cos, 0..2, which ignores how strong features are; or euclidean.
    """
    from sklearn.neighbors import NearestNeighbors  # here, since it takes a second

    asked, known = np.asarray(queries), np.asarray(bank)
    if asked.ndim != 2 or known.ndim != 2 or asked.shape[1] != known.shape[1] or not len(known):
        raise ShapeError(
            "explain-embedding-shape",
            f"nearest: queries [M, D] and bank [N, D] need the same D and N >= 1, "
            f"got {list(asked.shape)} and {list(known.shape)}.",
            "Take both from the same layer of the same network.",
        )
    if not len(asked):
        empty = np.empty((0, min(k, len(known))))
        return Neighbours(empty.astype(np.int64), empty)
    search = NearestNeighbors(n_neighbors=min(k, len(known)), metric=metric).fit(known)
    distances, indices = search.kneighbors(asked)
    return Neighbours(indices.astype(np.int64), distances.astype(np.float64))

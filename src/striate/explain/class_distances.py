"""How far classes lie apart in a space of features."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError

Floats = npt.NDArray[np.float64]
Metric = Literal["cosine", "euclidean"]

MOST = 5_000  # vectors of which silhouettes are computed; their time grows with the square


class ClassDistances(NamedTuple):
    """Distances of C classes, by name in the order of the names.

    Args:
        between: [C, C], from the centre of one class to that of another.
        within: [C], the mean distance of a class's own vectors to its centre.
        silhouettes: [C], mean of (b - a) / max(a, b) with a the mean distance to the own class and
            b to the nearest other one: 1 is far apart, 0 mixed, below 0 nearer to another class.
            NaN where there are fewer than two classes.
        silhouette: the mean over all vectors.
    """

    classes: tuple[str, ...]
    between: Floats
    within: Floats
    silhouettes: Floats
    silhouette: float


def class_distances(
    vectors: Any, labels: Sequence[str], *, metric: Metric = "cosine", seed: int = 0
) -> ClassDistances:
    """Distances between and within classes, and how well the classes are parted.

    For cosine, vectors are brought to length 1 first, so that every vector counts alike in its
    class's centre.

    Shape: vectors [N, D] with a label each.
    Args:
        seed: of more than 5,000 vectors, silhouettes are computed for as many by lot.
    Raises:
        ShapeError: there is not one label for each vector, or there are no vectors.
    Source: Rousseeuw 1987, "Silhouettes", doi:10.1016/0377-0427(87)90125-7 (scikit-learn).
    """
    from scipy.spatial.distance import cdist

    known = np.asarray(vectors, dtype=np.float64)
    if known.ndim != 2 or not len(known) or len(known) != len(labels):
        raise ShapeError(
            "explain-embedding-shape",
            f"class_distances: vectors [N, D] and N labels are needed, got {list(known.shape)} "
            f"and {len(labels)}.",
        )
    classes, members = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    if metric == "cosine":
        length = np.linalg.norm(known, axis=1, keepdims=True)
        known = known / np.where(length > 0, length, 1)
    centres = np.stack([known[members == number].mean(axis=0) for number in range(len(classes))])
    to_own = np.nan_to_num(cdist(known, centres, metric))
    within = [to_own[members == number, number].mean() for number in range(len(classes))]
    silhouettes, overall = _silhouettes(known, members, len(classes), metric, seed)
    between = np.nan_to_num(cdist(centres, centres, metric))
    np.fill_diagonal(between, 0)
    names = tuple(map(str, classes.tolist()))
    return ClassDistances(names, between, np.array(within), silhouettes, overall)


def _silhouettes(
    known: Floats, members: npt.NDArray[np.int64], classes: int, metric: Metric, seed: int
) -> tuple[Floats, float]:
    from sklearn.metrics import silhouette_samples

    rows = np.arange(len(known))
    if len(known) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(len(known), MOST, replace=False))
    found = np.full(classes, np.nan)
    here = members[rows]
    if not 2 <= len(np.unique(here)) < len(rows):
        return found, float("nan")
    scores = np.nan_to_num(silhouette_samples(known[rows], here, metric=metric))
    for number in np.unique(here):
        found[number] = scores[here == number].mean()
    return found, float(scores.mean())

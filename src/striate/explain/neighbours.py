"""The known images most like an image, in any space of features."""

from typing import Any, Literal, NamedTuple
from warnings import catch_warnings, simplefilter, warn

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

from striate.errors import ShapeError, StriateWarning

Metric = Literal["cosine", "euclidean"]
MANY = 50_000  # rows from which a bank is searched by a graph; below, all are compared
LINKS = 30  # neighbours that the graph keeps of each row
WIDER = 0.8  # how much farther than the best so far it looks on: more finds more, in more time
PIXEL_SIDE = 32  # of the thumbnails whose pixels are compared


class Neighbours(NamedTuple):
    """Nearest first, [M, k]: positions in the bank and distances to them."""

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


def nearest(queries: Any, bank: Any, k: int = 5, *, metric: Metric = "cosine") -> Neighbours:
    """The k rows of the bank nearest to each query; all of them where the bank has fewer.

    Shape: queries [M, D] and bank [N, D], tensors or arrays -> [M, min(k, N)].
    Args:
        metric: cosine distance 1 − cos, 0..2, which ignores how strong features are; or euclidean.
    """
    return NeighbourIndex(bank, metric=metric, approximate=False).nearest(queries, k)


class NeighbourIndex:
    """A bank of vectors that is asked again and again.

    Up to 50,000 rows are all compared with a query. A larger bank is searched along a graph of
    near rows, for which `pip install 'striate[explain]'` brings pynndescent. Making the graph
    takes as long as comparing thousands of queries, and some neighbours are missed: few of
    features, which vary in few directions, a quarter or more of what varies equally in hundreds.
    `approximate=False` compares all.

    Shape: bank [N, D], tensor or array, N >= 1.
    Args:
        metric: as of `nearest`.
        approximate: search by the graph; None: where the bank is large and pynndescent is there.
        seed: of the graph.
    Raises:
        ShapeError: the bank is not [N, D] with N >= 1.
    Warns:
        StriateWarning: the bank is large and pynndescent is not installed, so all are compared.
    Source: Dong et al. 2011, "Efficient K-Nearest Neighbor Graph Construction for Generic
        Similarity Measures", WWW (the graph); pynndescent by McInnes.
    """

    def __init__(
        self,
        bank: Any,
        *,
        metric: Metric = "cosine",
        approximate: bool | None = None,
        seed: int = 0,
    ) -> None:
        self.bank = np.asarray(bank)
        if self.bank.ndim != 2 or not len(self.bank):
            raise _unlike((0, self.bank.shape[-1] if self.bank.ndim else 0), self.bank.shape)
        self.metric: Metric = metric
        wanted = len(self.bank) > MANY if approximate is None else approximate
        self.graph = _graph(self.bank, metric, seed) if wanted else None
        self.exact: Any = None if self.graph is not None else _comparison(self.bank, metric)

    def nearest(self, queries: Any, k: int = 5) -> Neighbours:
        """The k rows nearest to each query; all where the bank has fewer.

        Shape: queries [M, D] -> [M, min(k, N)].
        Raises:
            ShapeError: the queries are not [M, D] with the bank's D.
        """
        asked, count = np.asarray(queries), min(k, len(self.bank))
        if asked.ndim != 2 or asked.shape[1] != self.bank.shape[1]:
            raise _unlike(asked.shape, self.bank.shape)
        if not len(asked):
            empty = np.empty((0, count))
            return Neighbours(empty.astype(np.int64), empty)
        if self.graph is not None:
            indices, distances = self.graph.query(_single(asked), k=count, epsilon=WIDER)
        else:
            distances, indices = self.exact.kneighbors(asked, n_neighbors=count)
        return Neighbours(indices.astype(np.int64), distances.astype(np.float64))


def pixel_rows(images: Tensor) -> npt.NDArray[np.float32]:
    """Images as rows of the pixels of their thumbnails, for neighbours by euclidean distance.

    Shape: [N, C, H, W] -> [N, C · 32 · 32].
    """
    size = (PIXEL_SIDE, PIXEL_SIDE)
    small = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    rows: npt.NDArray[np.float32] = small.flatten(1).cpu().numpy()
    return rows


def _comparison(bank: npt.NDArray[Any], metric: Metric) -> Any:
    from sklearn.neighbors import NearestNeighbors  # here, since it takes a second

    return NearestNeighbors(metric=metric).fit(bank)


def _graph(bank: npt.NDArray[Any], metric: Metric, seed: int) -> Any:
    """None, with a warning, where pynndescent is not installed."""
    with catch_warnings():
        simplefilter("ignore")  # of its compiler's, about threads
        try:
            from pynndescent import NNDescent  # here, since it is optional and takes seconds
        except ImportError:
            NNDescent = None
        if NNDescent is not None:
            made = NNDescent(_single(bank), metric=metric, n_neighbors=LINKS, random_state=seed)
            made.prepare()
            return made
    warn(
        StriateWarning(
            "explain-index-absent",
            f"Each of {len(bank):,} vectors is compared with every query: an index needs "
            "pynndescent, which is not installed.",
            "pip install 'striate[explain]' makes large banks fast to search.",
        ),
        stacklevel=3,
    )
    return None


def _single(rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(rows, dtype=np.float32)


def _unlike(asked: tuple[int, ...], bank: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        "explain-embedding-shape",
        f"nearest: queries [M, D] and bank [N, D] need the same D and N >= 1, "
        f"got {list(asked)} and {list(bank)}.",
        "Take both from the same layer of the same network.",
    )

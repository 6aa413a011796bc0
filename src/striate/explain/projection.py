"""Vectors of many numbers on a plane: PCA, t-SNE and UMAP."""

from collections.abc import Callable
from typing import Any, Literal, get_args
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt

from striate.errors import ShapeError, UsageError, unknown_name

Floats = npt.NDArray[np.float64]
Method = Literal["pca", "tsne", "umap"]

PERPLEXITY = 30  # about how many neighbours t-SNE keeps near (van der Maaten & Hinton 2008: 5-50)
NEIGHBOURS = 15  # that UMAP keeps near
FIRST = 50  # components kept before t-SNE


def project(vectors: Any, method: Method = "pca", *, seed: int = 0) -> Floats:
    """Points on a plane for vectors, by one of three methods.

    PCA keeps as much variance as two straight axes can: distances are true, but for what they
    leave out. t-SNE and UMAP keep neighbours together: that two groups lie far apart, or one is
    wide, means nothing in their maps.

    Shape: [N, D] -> [N, 2]. The same seed gives the same map on the same machine.
    Raises:
        ShapeError: the vectors are not finite and [N, D] with N >= 1.
        UnknownName: no method is named so.
        UsageError: UMAP is asked for and not installed.
    """
    known = np.asarray(vectors, dtype=np.float64)
    if known.ndim != 2 or not len(known) or not np.isfinite(known).all():
        raise ShapeError(
            "explain-embedding-shape",
            f"project: vectors must be finite and [N, D] with N >= 1, got {list(known.shape)}.",
            "Take them from embeddings(network, images).",
        )
    if method not in PROJECTIONS:
        raise unknown_name("projection", method, get_args(Method))
    if len(known) < 4 or not np.ptp(known, axis=0).any():  # nothing for neighbours to tell
        return pca(known, seed)
    return PROJECTIONS[method](known, seed)


def pca(vectors: Floats, seed: int = 0) -> Floats:  # noqa: ARG001  nothing is drawn
    """The two directions of greatest variance; an axis that does not exist is 0.

    The sign of an axis is such that its strongest weight is positive.

    Source: Pearson 1901, "On Lines and Planes of Closest Fit to Systems of Points in Space".
    """
    return _components(vectors, 2)


def tsne(vectors: Floats, seed: int = 0) -> Floats:
    """Neighbours stay neighbours, by t-distributed stochastic neighbour embedding.

    From the first 50 principal components, begun with the first two.

    Source: van der Maaten & Hinton 2008, "Visualizing Data using t-SNE", JMLR 9; begun as advised
        by Kobak & Berens 2019, doi:10.1038/s41467-019-13056-x.
    """
    from sklearn.manifold import TSNE  # here, since it takes a second

    kept = _components(vectors, FIRST)
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    plane = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    found: Floats = plane.fit_transform(kept).astype(np.float64)
    return found


def umap(vectors: Floats, seed: int = 0) -> Floats:
    """Neighbours stay neighbours, by uniform manifold approximation and projection.

    Source: McInnes et al. 2018, "UMAP: Uniform Manifold Approximation and Projection for
        Dimension Reduction", arXiv:1802.03426; the authors' umap-learn.
    """
    with catch_warnings():
        simplefilter("ignore")  # it tells of packages that it does without, and of far-off groups
        try:
            from umap import UMAP  # here, since it is optional and takes seconds
        except ImportError as error:
            raise UsageError(
                "explain-umap-absent",
                "UMAP needs the package umap-learn, which is not installed.",
                "pip install 'striate[explain]', or take tsne or pca.",
            ) from error
        few = len(vectors) <= 2 * NEIGHBOURS  # too few for its spectral start
        plane = UMAP(
            n_components=2,
            n_neighbors=min(NEIGHBOURS, len(vectors) - 1),
            init="random" if few else "spectral",
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(plane.fit_transform(vectors), dtype=np.float64)


PROJECTIONS: dict[str, Callable[[Floats, int], Floats]] = {"pca": pca, "tsne": tsne, "umap": umap}


def _components(vectors: Floats, most: int) -> Floats:
    """Coordinates along at most so many principal axes; at least two columns."""
    from sklearn.decomposition import PCA

    count = min(most, *vectors.shape)
    found = np.zeros((len(vectors), max(2, count)))
    if np.ptp(vectors, axis=0).any():
        axes = PCA(n_components=count, svd_solver="full").fit(vectors)
        strongest = axes.components_[np.arange(count), np.abs(axes.components_).argmax(axis=1)]
        found[:, :count] = axes.transform(vectors) * np.where(strongest < 0, -1, 1)
    return found

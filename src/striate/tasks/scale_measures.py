"""Which scale of pixels fits the weights of a network: by its norms, or by labels.

Where the network has batch norms, what its first ones see is held against what they saw while
they learnt: their running statistics. Brightness and contrast of a person's own images must not
count, so these are first brought to those of ImageNet's photographs. Networks without batch norms,
or with norms that were folded into the convolutions, are held against the labels: how well a
logistic regression on their pooled features tells unseen images, by its log loss.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from striate import zoo
from striate.data import Dataset, Preprocessing, canvas_store
from striate.explain import evaluating
from striate.inference import device_of
from striate.nn import HeadedNetwork
from striate.tasks.cross_validation import stopping_silently

Scale = tuple[tuple[float, ...], tuple[float, ...]]  # mean and std of each channel, pixels 0..1

# mean and deviation over all pixels of 250 photographs of ImageNet; the usual 0.229, 0.224, 0.225
# is the mean of the deviations within each, which these have too
PHOTOGRAPHS: Scale = ((0.485, 0.456, 0.406), (0.264, 0.256, 0.271))

IMAGES = 120  # for the log loss
FEW = 20  # images below which nothing is measured by labels
SIDE = 160  # pixels: the features are pooled, so images may be smaller than the network's own
BATCH = 20
FOLDS, CLASSES = 5, 8
NORMS, NORM_IMAGES = 3, 40
STRENGTH = 5.0  # C of the logistic regression times the number of features
LARGEST = 1e9  # in place of what overflows
WORK = 40e9  # multiply-adds for a scale; heavy networks look at fewer images


@dataclass(frozen=True)
class Measured:
    """Scores by convention, lower is better.

    Args:
        losses: of each image [n], by convention; empty for the statistics.
    """

    measure: str
    scores: Mapping[str, float]
    losses: Mapping[str, NDArray[np.float64]]

    def better(self, first: str, errors: float) -> str:
        """The best convention if it is better than the first by more than chance."""
        if not self.scores:
            return first
        best = min(self.scores, key=self.scores.__getitem__)
        if best == first:
            return first
        if self.measure == "statistics":  # these are nearly without chance
            gap = self.scores[first] - self.scores[best]
            return best if gap > 0.005 * errors and gap > errors * self.scores[best] / 2 else first
        gaps = self.losses[first] - self.losses[best]  # the same images in the same folds
        error = float(gaps.std(ddof=1)) / len(gaps) ** 0.5
        return best if float(gaps.mean()) > errors * error else first


def measured(
    network: HeadedNetwork, images: Dataset, base: Preprocessing, tried: Mapping[str, Scale]
) -> Measured:
    """The scores of scales by name, the likeliest first; the network is left as it was found."""
    norms = _telling_norms(network)
    if norms:
        some = images.select(_spread(np.arange(len(images)), NORM_IMAGES))
        pixels = _pixels(some, base)
        scores = {name: _divergence(network, norms, pixels, tried[name]) for name in tried}
        return Measured("statistics", scores, {})
    smaller = _smaller(network, base)
    rows, labels = _labelled(images, _affordable(network, smaller))
    if not len(rows):
        return Measured("none", {}, {})
    pixels = _pixels(images.select(rows), smaller)
    return _by_labels(network, pixels, labels, base, tried)


def _by_labels(
    network: HeadedNetwork,
    pixels: Tensor,
    labels: NDArray[np.int64],
    base: Preprocessing,
    tried: Mapping[str, Scale],
) -> Measured:
    losses = {
        name: _losses(_pooled(network, pixels, base, scale), labels)
        for name, scale in tried.items()
    }
    return Measured("log loss", {name: float(each.mean()) for name, each in losses.items()}, losses)


def _losses(rows: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """-log of the probability of the right class for each row, by a fit on the other folds."""
    with threadpool_limits(1, user_api="blas"):  # small matrices: more threads only wait
        return _cross_validated(rows, labels)


def _cross_validated(rows: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    finite = np.nan_to_num(rows.astype(np.float64)).clip(-LARGEST, LARGEST)
    tidy = StandardScaler().fit_transform(finite)
    left, sizes, _ = np.linalg.svd(tidy, full_matrices=False)  # the fit is blind to rotations:
    short = left * sizes  # [n, n] in place of [n, K], the same answers sooner
    fit = LogisticRegression(C=STRENGTH / rows.shape[1], max_iter=300)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with stopping_silently():
        given = cross_val_predict(fit, short, labels, cv=folds, method="predict_proba")
    return -np.log(np.maximum(given[np.arange(len(labels)), labels], 1e-6))


def _pooled(
    network: HeadedNetwork, pixels: Tensor, base: Preprocessing, scale: Scale
) -> NDArray[np.float32]:
    """The means of the feature maps, or of the tokens: [n, C, H, W] -> [n, K]."""
    features = []
    with evaluating(network), torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            some = _scaled(pixels[start : start + BATCH], base, scale)
            found = network.features(some.to(device_of(network)))
            axes = {4: (2, 3), 3: (1,)}.get(found.ndim)
            features.append(found if axes is None else found.mean(axes))
    return torch.cat(features).float().cpu().numpy()


class _SeenEnough(Exception):
    """The norms that are looked at have seen the images: the rest need not run."""


def _divergence(
    network: HeadedNetwork, norms: dict[str, _BatchNorm], pixels: Tensor, scale: Scale
) -> float:
    """How far what the norms see is from what they saw: Kullback and Leibler's divergence of
    normal distributions, the median over channels, the mean over norms."""
    images = _as_photographs(pixels, scale).to(device_of(network))
    seen: dict[str, float] = {}

    def look(name: str, norm: _BatchNorm, given: tuple[Tensor]) -> None:
        var, mean = torch.var_mean(given[0], dim=(0, 2, 3))
        was, old_mean = norm.get_buffer("running_var") + norm.eps, norm.get_buffer("running_mean")
        ratio = (var + norm.eps) / was
        apart = (ratio + (mean - old_mean) ** 2 / was - 1 - ratio.log()) / 2
        seen[name] = float(apart.nan_to_num(LARGEST).median())
        if len(seen) == len(norms):
            raise _SeenEnough

    with ExitStack() as hooks, suppress(_SeenEnough), evaluating(network), torch.inference_mode():
        for name, norm in norms.items():
            handle = norm.register_forward_pre_hook(partial(look, name))
            hooks.callback(handle.remove)
        network.features(images)
    return sum(seen.values()) / len(seen)


def _telling_norms(network: HeadedNetwork) -> dict[str, _BatchNorm]:
    """The first norms with running statistics, unless these are as a new norm has them."""
    found = {
        name: module
        for name, module in network.features.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }
    first = dict(list(found.items())[:NORMS])
    folded = all(
        not norm.running_mean.any() and torch.unique(norm.running_var).numel() == 1
        for norm in first.values()
    )
    return {} if folded else first


def _as_photographs(pixels: Tensor, scale: Scale) -> Tensor:
    """Pixels with the mean and deviation of photographs, then scaled."""
    photographs = [followed(values, pixels.shape[1]) for values in PHOTOGRAPHS]
    images = pixels.float() / 255
    deviation, middle = torch.std_mean(images, dim=(0, 2, 3), keepdim=True)
    wanted, spread, mean, std = (
        torch.tensor(values).view(1, -1, 1, 1) for values in (*photographs, *scale)
    )
    return ((images - middle) / deviation.clamp_min(0.01) * spread + wanted - mean) / std


def _scaled(pixels: Tensor, base: Preprocessing, scale: Scale) -> Tensor:
    return replace(base, mean=scale[0], std=scale[1]).normalise(pixels)


def _pixels(some: Dataset, base: Preprocessing) -> Tensor:
    """uint8 [n, C, H, W], as the network would see them but for their scale."""
    store = canvas_store(some, base, workers=os.cpu_count() or 1)
    return base.centre(store.gather(np.arange(len(some))))


def _smaller(network: HeadedNetwork, base: Preprocessing) -> Preprocessing:
    """The same images with fewer pixels, where the features take any size."""
    spec = zoo.ARCHITECTURES.get(network.name)
    side = max(SIDE, network.smallest)
    if spec is None or spec.sized or min(base.size) <= side:
        return base
    share = side / min(base.size)
    size, canvas = (
        (round(height * share), round(width * share))
        for height, width in (base.size, base.canvas_size)
    )
    return replace(base, size=size, canvas=canvas)


def _affordable(network: HeadedNetwork, base: Preprocessing) -> int:
    """How many images: 40 to 120."""
    spec = zoo.ARCHITECTURES.get(network.name)
    if spec is None:
        return IMAGES
    work = spec.multiply_adds * (min(base.size) / spec.image_size) ** 2
    return int(np.clip(WORK / work, 2 * FEW, IMAGES))


def _labelled(images: Dataset, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of so many images at most and their classes from 0, the classes taking turns.

    Of several labels the one that is nearest to half of the images counts; numbers are divided by
    their median.
    """
    labels = images.labels
    if images.task == "multi_label":
        labels = labels[:, np.abs(labels.mean(axis=0) - 0.5).argmin()].astype(np.int64)
    elif images.task == "regression":
        labels = (labels > np.median(labels)).astype(np.int64)
    known, counts = np.unique(labels[labels >= 0], return_counts=True)
    classes = known[np.argsort(-counts, kind="stable")][:CLASSES]
    groups = [np.flatnonzero(labels == each) for each in classes]
    groups = [group for group in groups if len(group) >= FOLDS]
    turns = [(turn, number) for number, group in enumerate(groups) for turn in range(len(group))]
    turns = sorted(turns)[:most]
    if len(groups) < 2 or len(turns) < FEW:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    taken = np.bincount([number for _, number in turns])
    spread = [_spread(group, count) for group, count in zip(groups, taken, strict=True)]
    rows = np.array([spread[number][turn] for turn, number in turns])
    return rows, np.array([number for _, number in turns])


def _spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most so many, from all over."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]


def followed(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """For other channels: the mean of all for one channel, the old ones in turn for N."""
    if len(values) == channels:
        return tuple(values)
    if channels == 1:
        return (round(sum(values) / len(values), 6),)
    return tuple(values[i % len(values)] for i in range(channels))

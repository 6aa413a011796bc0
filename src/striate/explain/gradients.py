"""Explanations by the gradient of the score with respect to the pixels."""

from warnings import warn

import numpy as np
import torch
from torch import Tensor, nn

from striate.errors import StriateWarning, UsageError
from striate.explain._frozen import affine_first, frozen
from striate.explain._gradient import (
    baselines,
    check_counts,
    evaluated_gradient,
    input_gradient,
    input_gradients,
    parts,
    plain,
    pulled_back,
    repeated,
)
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._score import Score, of_part, per_image

INCOMPLETE = 0.05  # relative gap from which integrated_gradients warns


def saliency(network: nn.Module, images: Tensor, score: Score) -> Tensor:
    """How strongly the score responds to a change of each pixel, up or down.

        map = max_c |d score / d image_c|

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0.
    Args:
        score: what to explain, for example `class_score(5)`.
    Raises:
        ExplainError: the score does not depend on the images by a way that has a gradient.
    Source: Simonyan et al. 2013, "Deep Inside Convolutional Networks", arXiv:1312.6034,
        section 3.1.
    """
    with torch.inference_mode(False):
        network, images = uncompiled(network), plain(images)
        return evaluated_gradient(network, images, score).abs().amax(dim=1)


def input_x_gradient(network: nn.Module, images: Tensor, score: Score) -> Tensor:
    """What each pixel adds to the score, as far as the network is linear around the image.

        map = sum_c image_c * d score / d image_c

    Shape: images [N, C, H, W] -> map [N, H, W], signed.
    Args:
        score: what to explain, for example `class_score(5)`.
    Raises:
        ExplainError: the score does not depend on the images by a way that has a gradient.
    Source: Shrikumar et al. 2016, "Not Just a Black Box", arXiv:1605.01713, section 2.
    """
    with torch.inference_mode(False):
        network, images = uncompiled(network), plain(images)
        return (images * evaluated_gradient(network, images, score)).sum(dim=1)


def integrated_gradients(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    baseline: Tensor | float | None = None,
    steps: int = 50,
    batch_size: int = 8,
) -> Tensor:
    """The difference of the score from that of a baseline, shared out among the pixels.

        map = sum_c (x_c - x'_c) * integral_0^1 d score / d x_c (x' + a (x - x')) da

    The integral is taken by Gauss-Legendre quadrature. Where the network begins with a convolution,
    that runs on the ends alone, and its gradient is needed once: it is linear, so the way and the
    integral may be taken behind it.

    Shape: images [N, C, H, W] -> map [N, H, W], signed; its sum is score(x) - score(x').
    Args:
        score: what to explain, for example `class_score(5)`.
        baseline: x', a number or a tensor that broadcasts to the images; None: zeros, which is the
            mean colour of images normalised in the usual way.
        steps: points of the quadrature; more where a `StriateWarning` says so.
        batch_size: images at a time, those on the way from the baseline included.
    Raises:
        ExplainError: the score does not depend on the images by a way that has a gradient.
        ShapeError: the baseline does not fit the images.
        UsageError: `steps` or `batch_size` is less than 1.
    Warns:
        StriateWarning: the sum of some map is off by more than 5 % (`completeness_error`).
    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks",
        arXiv:1703.01365, eq. 1 and section 5.
    """
    check_counts("integrated_gradients", steps=steps, batch_size=batch_size)
    with torch.inference_mode(False), torch.no_grad():
        network, images = uncompiled(network), plain(images)
        start = baselines(images, baseline)
        if not len(images):
            return images.sum(dim=1)
        with frozen(network, images, gradients=True) as answer:
            gradients = [
                _integral(
                    answer,
                    images[part],
                    start[part],
                    of_part(score, len(images), part),
                    steps,
                    batch_size,
                )
                for part in parts(len(images), batch_size)
            ]
            maps = ((images - start) * torch.cat(gradients)).sum(dim=1)
            gaps = _gaps(answer, images, start, score, maps, batch_size)
    _warn_of(gaps, steps)
    return maps


def _integral(
    network: nn.Module, images: Tensor, start: Tensor, score: Score, steps: int, batch_size: int
) -> Tensor:
    """The integral of the gradient on the straight way from `start` to the images."""
    first, rest = affine_first(network)
    points, weights = np.polynomial.legendre.leggauss(steps)  # on -1..1
    at, shares = ((1 + points) / 2).tolist(), (weights / 2).tolist()
    begin, end = first(start), first(images)  # and so is all between them
    total = torch.zeros_like(end)

    def add(rounds: slice) -> None:  # in a function, so that nothing is held in the next pass
        between = [torch.lerp(begin, end, node) for node in at[rounds]]
        scored = repeated(score, len(images), rounds.stop - rounds.start)
        gradients = input_gradients(rest, between, scored)
        for share, gradient in zip(shares[rounds], gradients, strict=True):
            total.add_(gradient, alpha=share)

    for rounds in parts(steps, max(1, batch_size // len(images))):
        add(rounds)
    return pulled_back(first, images, total)


def completeness_error(
    network: nn.Module,
    images: Tensor,
    score: Score,
    maps: Tensor,
    *,
    baseline: Tensor | float | None = None,
    batch_size: int = 8,
) -> Tensor:
    """How far maps are from sharing out the whole difference of the score from a baseline.

        |sum(map) - (score(x) - score(x'))| / |score(x) - score(x')|

    Shape: images [N, C, H, W], maps [N, H, W] -> [N], >= 0; 0 where both are 0.
    Args:
        maps: of a method that promises completeness, such as `integrated_gradients`.
        baseline: the one of the method; see there.
    Source: Sundararajan et al. 2017, arXiv:1703.01365, proposition 1.
    """
    check_counts("completeness_error", batch_size=batch_size)
    with torch.inference_mode(False), torch.no_grad():
        network, images = uncompiled(network), plain(images)
        with evaluating(network):
            start = baselines(images, baseline)
            return _gaps(network, images, start, score, maps, batch_size)


def _gaps(
    network: nn.Module,
    images: Tensor,
    start: Tensor,
    score: Score,
    maps: Tensor,
    batch_size: int,
) -> Tensor:
    differences = [images.new_zeros(0)]
    for part in parts(len(images), batch_size):
        scored, count = of_part(score, len(images), part), part.stop - part.start
        ends = [network(given[part].clone()) for given in (images, start)]
        after, before = (per_image(scored, output, count) for output in ends)
        differences.append(after - before)
    difference = torch.cat(differences)
    gap = (maps.sum(dim=(1, 2)) - difference).abs()
    return torch.where(gap == 0, gap, gap / difference.abs())


def _warn_of(gaps: Tensor, steps: int) -> None:
    wrong = int((gaps > INCOMPLETE).sum())
    if wrong:
        warn(
            StriateWarning(
                "explain-incomplete",
                f"integrated_gradients: with steps={steps} the maps of {wrong} of {len(gaps)} "
                f"images do not add up to the score's difference from the baseline; the worst is "
                f"off by {float(gaps.max()):.0%}.",
                f"Take steps={4 * steps}, or a baseline whose score differs more.",
            ),
            stacklevel=3,
        )


def smoothgrad(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    samples: int = 50,
    noise: float = 0.15,
    squared: bool = False,
    seed: int = 0,
    batch_size: int = 8,
) -> Tensor:
    """The gradient with the flicker of single pixels averaged out over noisy copies of the image.

        g = mean_s d score / d image (image + e_s),  e_s ~ Normal(0, (noise * range)^2)
        map = max_c |g_c|;  squared: the mean is that of the squares, map = max_c g_c

    `range` is the image's largest value minus its smallest. All images meet the same noise, so that
    each has the map that it has alone.

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0.
    Args:
        score: what to explain, for example `class_score(5)`.
        samples: noisy copies per image.
        noise: standard deviation as a share of the image's range, 0..1; the paper takes 0.1 to 0.2.
        squared: average squares, which keeps what differs in sign from copy to copy.
        seed: of the noise.
        batch_size: images at a time, noisy copies included.
    Raises:
        ExplainError: the score does not depend on the images by a way that has a gradient.
        UsageError: `samples` or `batch_size` is less than 1, or `noise` is negative.
    Source: Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", arXiv:1706.03825,
        sections 2 and 3.1; squares: Hooker et al. 2019, arXiv:1806.10758, section 4.1.
    Differs: the gradients are averaged with their signs, and the absolute value and the maximum
        over channels come last; the paper leaves the order open.
    """
    check_counts("smoothgrad", samples=samples, batch_size=batch_size)
    if noise < 0:
        raise UsageError(
            "explain-option",
            f"smoothgrad: noise must be at least 0, got noise={noise}.",
            "It is a share of the image's range; 0.15 is usual.",
        )
    with torch.inference_mode(False), torch.no_grad():
        network, images = uncompiled(network), plain(images)
        if not len(images):
            return images.sum(dim=1)
        gradients = []
        with frozen(network, images, gradients=True) as answer:
            first, rest = (nn.Identity(), answer) if squared else affine_first(answer)
            for part in parts(len(images), batch_size):
                scored, some = of_part(score, len(images), part), images[part]
                generator = torch.Generator().manual_seed(seed)
                total = torch.zeros_like(first(some))
                for rounds in parts(samples, max(1, batch_size // len(some))):
                    copies = rounds.stop - rounds.start
                    points = first(_noisy(some, copies, noise, generator))
                    slope = input_gradient(rest, points, repeated(scored, len(some), copies))
                    slope = slope.square() if squared else slope
                    total += torch.unflatten(slope, 0, (copies, -1)).sum(dim=0)
                gradients.append(pulled_back(first, some, total / samples))
    return torch.cat(gradients).abs().amax(dim=1)


def _noisy(images: Tensor, copies: int, noise: float, generator: torch.Generator) -> Tensor:
    """[copies * N, C, H, W], round by round; drawn one by one, so that rounds do not matter."""
    shape = images.shape[1:]
    drawn = torch.stack([torch.randn(shape, generator=generator) for _ in range(copies)])
    span = images.amax(dim=(1, 2, 3), keepdim=True) - images.amin(dim=(1, 2, 3), keepdim=True)
    return (images + noise * span * drawn.to(images)[:, None]).flatten(0, 1)

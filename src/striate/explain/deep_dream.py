"""DeepDream: a photograph, changed into more of what a layer sees in it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._canvas import Scale, in_unit_range, normalised
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._score import Score, per_image
from striate.explain._upto import up_to, with_gradient
from striate.explain.synthesis import OnStep


def deep_dream(
    network: nn.Module,
    images: Tensor,
    *,
    layer: str,
    score: Score | None = None,
    mean: Scale = None,
    std: Scale = None,
    octaves: int = 4,
    octave_scale: float = 1.4,
    steps: int = 10,
    step_size: float = 0.01,
    jitter: int = 32,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Gradient ascent on what a layer answers, from coarse to fine.

        x <- x + step_size * g / mean|g|,  g = d mean(A²) / d x

    In every octave the image is larger by `octave_scale`, up to its own size, and takes along
    what was dreamt so far; in every step it is rolled by a lot, so that no grid shows.

    Shape: images [N, C, H, W] in 0..1 -> [N, C, H, W] in 0..1.
    Args:
        layer: dotted name of a module; the network does not run beyond it.
        score: of the layer's output; None: the mean of its squares. `channel_score(3)` dreams of
            one channel.
        mean: of each channel, subtracted from images in 0..1; None: nothing. Same for `std`.
        steps: in each octave.
        step_size: mean change of a pixel in a step, of the range 0..1.
        jitter: most pixels that the image is rolled by.
        on_step: called after each step.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer did not run, or no gradient leads back.
        UsageError: octaves or octave_scale are below 1.
    Source: Mordvintsev, Olah & Tyka 2015, "Inceptionism: Going Deeper into Neural Networks", and
        the notebook published with it.
    """
    if octaves < 1 or octave_scale < 1:
        raise UsageError(
            "explain-octaves",
            f"deep_dream: octaves and octave_scale must be at least 1, got {octaves} and "
            f"{octave_scale:g}.",
        )
    with torch.inference_mode(False), torch.enable_grad():
        network, lots = uncompiled(network), torch.Generator().manual_seed(seed)
        whole = images.detach().clone().float()
        dreamt = torch.zeros_like(whole)
        size = whole.shape[2:]
        with evaluating(network):
            for octave in range(octaves):
                shrink = octave_scale ** (octaves - 1 - octave)
                side = (max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink)))
                base, dreamt = _resized(whole, side), _resized(dreamt, side)
                for step in range(steps):
                    shift = torch.randint(-jitter, jitter + 1, (2,), generator=lots).tolist()
                    x = torch.roll((base + dreamt).clamp(0, 1), shift, (2, 3)).requires_grad_()
                    output = up_to(network, normalised(x, mean, std), layer)
                    gain = _strength(output) if score is None else per_image(score, output, len(x))
                    (slope,) = torch.autograd.grad(with_gradient(gain, layer).sum(), x)
                    slope = slope / slope.abs().mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
                    moved = (x.detach() + step_size * slope).clamp(0, 1)
                    dreamt = torch.roll(moved, [-shift[0], -shift[1]], (2, 3)) - base
                    if on_step is not None:
                        on_step(octave * steps + step + 1, octaves * steps)
        return in_unit_range(whole + dreamt, None, None).to(images.dtype)


def _strength(output: Tensor) -> Tensor:
    """The mean of the squares, [N]."""
    return (output**2).flatten(1).mean(dim=1)


def _resized(images: Tensor, side: tuple[int, int]) -> Tensor:
    if tuple(images.shape[2:]) == side:
        return images
    return F.interpolate(images, size=side, mode="bilinear", antialias=True)

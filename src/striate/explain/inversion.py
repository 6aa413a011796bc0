"""What a layer knows of an image: another image with the same features."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._canvas import (
    FourierCanvas,
    PixelCanvas,
    Scale,
    in_unit_range,
    moved,
    normalised,
    total_variation,
)
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._upto import up_to, with_gradient
from striate.explain.synthesis import OnStep


class Inversion(NamedTuple):
    """Images found, and how far their features are from those of the originals.

    Args:
        images: [N, C, H, W] in 0..1.
        errors: [N], |features - wanted|² / |wanted|²: 0 is the same, 1 as far as nothing.
    """

    images: Tensor
    errors: Tensor


def invert(
    network: nn.Module,
    images: Tensor,
    *,
    layer: str,
    mean: Scale = None,
    std: Scale = None,
    steps: int = 300,
    learning_rate: float = 0.05,
    total_variation_weight: float = 0.05,
    range_weight: float = 0.05,
    jitter: float = 0,
    fourier: bool = True,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Inversion:
    """An image whose features at a layer are those of the given one, found by gradient (Adam).

        minimise |f(x) - f(x0)|² / |f(x0)|² + a mean(|2x - 1|^6) + b TV(x)^(β = 2)

    What the image found leaves out or makes up, the layer does not know.

    Shape: images [N, C, H, W] as the network takes them (normalised).
    Args:
        layer: dotted name of a module; the network does not run beyond it.
        mean: of each channel, by which the images were normalised; None: nothing. Same for `std`.
        total_variation_weight: b. range_weight: a.
        jitter: most pixels by which x is shifted in each step (features then blur).
        fourier: search among frequencies; else among pixels.
        on_step: called after each step.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer did not run, gives only zeros for an image, or has no gradient.
    Source: Mahendran & Vedaldi 2015, "Understanding Deep Image Representations by Inverting
        Them", arXiv:1412.0035, eq. 1-5.
    Differs: Adam on frequencies instead of momentum on pixels; means instead of sums, so the
        weights do not depend on the size; x in 0..1 by a sigmoid.
    """
    with torch.inference_mode(False), torch.enable_grad():
        network, lots = uncompiled(network), torch.Generator().manual_seed(seed)
        given = images.detach().clone()
        with evaluating(network):
            with torch.no_grad():
                wanted = up_to(network, given.clone(), layer).flatten(1)
            strength = (wanted**2).sum(dim=1)
            if bool((strength == 0).any()):
                raise ExplainError(
                    "explain-nothing-to-invert",
                    f"Layer {layer!r} gives only zeros for an image: nothing is known of it there.",
                    "Name an earlier layer.",
                )
            shape = (given.shape[0], given.shape[1], given.shape[2], given.shape[3])
            canvas = (FourierCanvas if fourier else PixelCanvas)(shape, lots)
            canvas.numbers = canvas.numbers.to(given.device).requires_grad_()
            searcher = torch.optim.Adam([canvas.numbers], lr=learning_rate)

            def error(image: Tensor, shift: float) -> Tensor:
                seen = normalised(moved(image, shift, 0, 0, lots), mean, std).to(given.dtype)
                features = up_to(network, seen, layer).flatten(1)
                return ((features - wanted) ** 2).sum(dim=1) / strength

            for step in range(steps):
                image = canvas.image()
                far = with_gradient(error(image, jitter), layer)
                rough = total_variation_weight * total_variation(image, 2)
                loud = range_weight * (2 * image - 1).pow(6).mean(dim=(1, 2, 3))
                loss = (far + rough + loud).sum()
                (canvas.numbers.grad,) = torch.autograd.grad(loss, canvas.numbers)
                searcher.step()
                if on_step is not None:
                    on_step(step + 1, steps)
            with torch.no_grad():
                found = in_unit_range(canvas.image(), None, None)
                return Inversion(found, error(found, 0))

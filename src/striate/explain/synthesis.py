"""Activation maximisation: the image that a class, a channel or a unit likes best."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from striate.errors import ExplainError, UsageError
from striate.explain._canvas import (
    FourierCanvas,
    PixelCanvas,
    Scale,
    moved,
    normalised,
    total_variation,
)
from striate.explain._fill import blurred
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._score import Score, per_image
from striate.explain._upto import up_to, with_gradient

OnStep = Callable[[int, int], None]  # steps done, of all


@dataclass(frozen=True)
class Regularisers:
    """What keeps an image that is climbed on like an image.

    Args:
        jitter: most pixels by which the image is shifted in each step.
        zoom: most share by which it is enlarged or shrunk in each step.
        turn: most degrees by which it is turned in each step.
        fourier: climb on frequencies and independent colours; else on pixels.
        blur: standard deviation in pixels of a Gaussian blur of the image every `blur_every`
            steps; for climbing on pixels.
        l2: weight of the mean squared distance of the pixels from middle grey.
        total_variation: weight of the mean absolute difference of neighbouring pixels.
    Source: Yosinski et al. 2015, "Understanding Neural Networks Through Deep Visualization",
        arXiv:1506.06579, section 3 (l2, blur); Mahendran & Vedaldi 2015, arXiv:1412.0035 (total
        variation); Olah et al. 2017, doi:10.23915/distill.00007 (the others).
    """

    jitter: float = 8
    zoom: float = 0.08
    turn: float = 5
    fourier: bool = True
    blur: float = 0
    blur_every: int = 4
    l2: float = 0
    total_variation: float = 0

    def __post_init__(self) -> None:
        if self.blur and self.fourier:
            raise UsageError(
                "explain-regulariser",
                "Regularisers: blur is for climbing on pixels, and fourier is on.",
                "Take fourier=False, or total_variation= instead of blur=.",
            )


DEFAULT = Regularisers()
STIR, LOUDEST = 0.05, 3.0  # noise for images that excite nothing: more each step, and at most


def channel_score(channel: int, row: int | None = None, column: int | None = None) -> Score:
    """A channel of a layer: its mean over the map [N, K, h, w]; one unit where a row and column
    are given; the number itself of features [N, K].

    >>> channel_score(1)(torch.tensor([[[[1.0]], [[5.0]]]]))
    tensor([5.])
    """

    def score(output: Tensor) -> Tensor:
        if not 0 <= channel < output.shape[1]:
            raise ExplainError(
                "explain-channel",
                f"channel_score: the layer has channels 0 to {output.shape[1] - 1}, got {channel}.",
                "Name a channel by its number.",
            )
        chosen = output[:, channel]
        if row is not None and column is not None:
            return chosen[:, row, column]
        return chosen.flatten(1).mean(dim=1) if chosen.ndim > 1 else chosen

    return score


def synthesise(
    network: nn.Module,
    score: Score,
    *,
    shape: tuple[int, int, int],
    layer: str | None = None,
    count: int = 1,
    mean: Scale = None,
    std: Scale = None,
    steps: int = 256,
    learning_rate: float = 0.05,
    regularisers: Regularisers = DEFAULT,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Images that make a score large, climbed to from near grey by its gradient (Adam).

        maximise score(network(moved((x - mean) / std))) - l2 |x - 1/2|² - tv TV(x)

    The same seed gives the same images on the same machine.

    Shape: -> [count, C, H, W] in 0..1.
    Args:
        score: of the network's output (`class_score(5)`), or of the layer's where one is named
            (`channel_score(3)`, `channel_score(3, 6, 6)`).
        shape: (channels, height, width) of the images.
        layer: dotted name of a module; the network does not run beyond it.
        count: images; they differ by their start.
        mean: of each channel, subtracted from images in 0..1; None: nothing. Same for `std`.
        steps: gradient steps.
        on_step: called after each step.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer did not run, or the score has no gradient, or never a slope.
    Source: Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network"; Simonyan et
        al. 2014, arXiv:1312.6034, section 2; and see `Regularisers`.
    """
    with torch.inference_mode(False), torch.enable_grad():
        network, lots = uncompiled(network), torch.Generator().manual_seed(seed)
        rules, device = regularisers, device_of(network)
        canvas = (FourierCanvas if rules.fourier else PixelCanvas)((count, *shape), lots)
        canvas.numbers = canvas.numbers.to(device).requires_grad_()
        climber = torch.optim.Adam([canvas.numbers], lr=learning_rate)
        answered = torch.zeros(count, dtype=torch.bool, device=device)
        with evaluating(network):
            for step in range(steps):
                image = canvas.image()
                shown = moved(image, rules.jitter, rules.zoom, rules.turn, lots)
                shown = normalised(shown, mean, std)
                output = network(shown) if layer is None else up_to(network, shown, layer)
                gain = with_gradient(per_image(score, output, count), layer or "the output")
                cost = _slope(_penalty(image, rules), canvas.numbers)
                slope = _slope(gain, canvas.numbers)
                silent = slope.flatten(1).abs().amax(dim=1) == 0
                answered |= ~silent
                canvas.numbers.grad = cost - slope
                climber.step()
                _stir(canvas.numbers, silent, min(STIR * (step + 1), LOUDEST), lots)
                if rules.blur and step % rules.blur_every == 0 and step < steps - 1:
                    with torch.no_grad():
                        canvas.numbers.copy_(blurred(canvas.numbers, rules.blur))
                if on_step is not None:
                    on_step(step + 1, steps)
        if not bool(answered.all()):
            raise ExplainError(
                "explain-silent",
                f"The score of {layer or 'the output'} had no slope in any of {steps} steps: "
                "nothing that was tried excites it.",
                "It may be a dead unit; another seed or a larger image may wake it.",
            )
        return canvas.image().detach()


def _penalty(image: Tensor, rules: Regularisers) -> Tensor:
    """What the image pays, [N]."""
    penalty = 0 * image.mean(dim=(1, 2, 3))
    if rules.l2:
        penalty = penalty + rules.l2 * ((image - 0.5) ** 2).mean(dim=(1, 2, 3))
    if rules.total_variation:
        penalty = penalty + rules.total_variation * total_variation(image)
    return penalty


def _slope(values: Tensor, numbers: Tensor) -> Tensor:
    return torch.autograd.grad(values.sum(), numbers, retain_graph=True)[0]


def _stir(numbers: Tensor, silent: Tensor, strength: float, lots: torch.Generator) -> None:
    """New noise for images that leave the score without a slope, as behind a ReLU that is off."""
    noise = strength * torch.randn(numbers.shape, generator=lots).to(numbers)
    with torch.no_grad():
        chosen = silent.view(-1, *(1 for _ in numbers.shape[1:]))
        numbers.copy_(torch.where(chosen, noise, numbers))


def device_of(network: nn.Module) -> torch.device:
    """Where the network's first weight lives; the CPU for a network without weights."""
    weight = next(network.parameters(), None)
    return weight.device if weight is not None else torch.device("cpu")

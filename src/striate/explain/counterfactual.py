"""What would have to be different for another answer: the smallest change that flips it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._colours import COLOURS, recoloured
from striate.explain._gradient import check_counts, plain
from striate.explain._hooks import evaluating, uncompiled
from striate.explain.pictures import Picture

Decide = Callable[[Any], Tensor]  # a network's output -> its answer per image, [N], integers
Candidate = tuple[float, str, Callable[[Tensor], Tensor]]  # size, in words, image -> image
KINDS = ("occlusion", "crop", *COLOURS)
CROPS = tuple(round(1 - i / 20, 2) for i in range(1, 19))  # side of what is kept: 0.95 … 0.1


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """The smallest change of one kind that gives another answer, or that there is none.

    Args:
        kind: occlusion, crop, brightness, contrast, hue or grey.
        before: the answer to the image as it is; after: to the changed one. None: nothing flips it.
        change: what was done, in words; of the largest change tried where nothing flips.
        size: 0..1; share of the image hidden or cut away, share of the strongest change of colour.
        picture: the changed image, uint8 [H, W, 3]; None where nothing flips.
        tried: how many changed images the network was shown.
    """

    kind: str
    before: int
    after: int | None
    change: str
    size: float
    picture: Picture | None
    tried: int

    @property
    def flips(self) -> bool:
        return self.after is not None

    def sentence(self, classes: Iterable[str] | None = None) -> str:
        """In words; with the names of the classes, if given."""
        names = list(classes or ())

        def named(answer: int) -> str:
            return names[answer] if names else f"class {answer}"

        if self.after is None:
            most = self.change[0].lower() + self.change[1:]
            return (
                f"No {self.kind} flips the answer {named(self.before)}: "
                f"{self.tried} changes tried, up to {most}."
            )
        return f"{self.change} turns {named(self.before)} into {named(self.after)}."


def largest_output(output: Tensor) -> Tensor:
    """The class with the largest output; of a single output, whether it is above 0."""
    return (output[:, 0] > 0).long() if output.shape[1] == 1 else output.argmax(dim=1)


def counterfactual(
    network: nn.Module,
    images: Tensor,
    kind: str = "occlusion",
    *,
    mean: Iterable[float] | float = 0.0,
    std: Iterable[float] | float = 1.0,
    decide: Decide = largest_output,
    batch_size: int = 32,
) -> list[Counterfactual]:
    """The smallest change of one kind that flips the answer, image by image.

        occlusion:  a square in the image's mean colour, its side growing by 1/16 of the image's,
                    at all places a half of it apart
        crop:       what is kept shrinks by 1/20 of the sides, at 5 x 5 places, enlarged again
        brightness: pixels times 2^k/8; contrast: distance from their mean times 2^k/8, up to 8
        hue:        turned by 10 degrees and more, either way, in YIQ
        grey:       mixed with its grey, by tenths

    The smallest among these, not of all: between two steps a smaller one may flip it. Of changes of
    one size, the first found. The search ends with the size that flips.

    Shape: images [N, C, H, W] -> N results.
    Args:
        mean, std: what pixels of 0..1 were normalised with, a number or one per channel.
        decide: what an answer is.
        batch_size: changed images at a time.
    Raises:
        UsageError: no such kind, or a change of colours of images without three of them.
    Source: occlusion: Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, grown until the answer
        flips; the question: Wachter et al. 2017, arXiv:1711.00399.
    """
    if kind not in KINDS:
        raise UsageError("explain-option", f"No kind {kind!r}.", f"Kinds: {', '.join(KINDS)}.")
    if kind in ("hue", "grey") and images.shape[1] != 3:
        raise UsageError(
            "explain-option",
            f"counterfactual: {kind} needs 3 channels, the images have {images.shape[1]}.",
            "Take brightness, contrast, occlusion or crop.",
        )
    check_counts("counterfactual", batch_size=batch_size)
    network = uncompiled(network)
    with torch.inference_mode(False), torch.no_grad(), evaluating(network):
        images = plain(images)
        shape = (-1, 1, 1)
        shift = torch.as_tensor(mean, dtype=images.dtype, device=images.device).view(shape)
        scale = torch.as_tensor(std, dtype=images.dtype, device=images.device).view(shape)

        def answers(shown: Tensor) -> Tensor:
            return decide(network(shown.clone()))  # the first layer may work in place

        found = []
        for image in images:
            pixels = image * scale + shift
            ask = _asker(answers, pixels, shift, scale)
            found.append(_search(ask, kind, pixels, int(answers(image[None])[0]), batch_size))
        return found


def _asker(
    answers: Callable[[Tensor], Tensor], pixels: Tensor, shift: Tensor, scale: Tensor
) -> Callable[[list[Candidate]], Tensor]:
    def ask(candidates: list[Candidate]) -> Tensor:
        shown = torch.stack([change(pixels) for _, _, change in candidates])
        return answers((shown - shift) / scale)

    return ask


def _search(
    ask: Callable[[list[Candidate]], Tensor], kind: str, pixels: Tensor, before: int, at_once: int
) -> Counterfactual:
    tried, largest = 0, ""
    for candidates in _sizes(kind, pixels):
        for start in range(0, len(candidates), at_once):
            part = candidates[start : start + at_once]
            answers = ask(part).tolist()  # one wait per batch, for the search may end here
            tried += len(part)
            for (size, words, change), after in zip(part, answers, strict=True):
                if after != before:
                    shown = _picture(change(pixels))
                    return Counterfactual(kind, before, after, words, size, shown, tried)
        largest = candidates[-1][1]
    return Counterfactual(kind, before, None, largest, 1.0, None, tried)


def _picture(pixels: Tensor) -> Picture:
    shown = pixels.detach().float().cpu().clamp(0, 1).permute(1, 2, 0).numpy()
    picture: Picture = np.rint(255 * shown).astype(np.uint8)
    return picture if picture.shape[2] == 3 else np.repeat(picture[:, :, :1], 3, axis=2)


def _sizes(kind: str, pixels: Tensor) -> Iterator[list[Candidate]]:
    """All changes of one size, the smallest size first."""
    if kind == "occlusion":
        yield from _squares(pixels)
    elif kind == "crop":
        yield from _crops(pixels)
    else:
        yield from recoloured(kind)


def _squares(pixels: Tensor) -> Iterator[list[Candidate]]:
    height, width = pixels.shape[1:]
    step = max(1, min(height, width) // 16)
    fill = pixels.mean(dim=(1, 2), keepdim=True)
    for side in range(step, max(height, width) + step, step):
        tall, wide = min(side, height), min(side, width)
        yield [
            (tall * wide / (height * width), _place("A square", box, pixels), _hidden(box, fill))
            for top in _starts(height - tall, side)
            for left in _starts(width - wide, side)
            for box in [(top, left, tall, wide)]
        ]


def _starts(last: int, side: int) -> list[int]:
    """From 0 to last, both included, no two further apart than a half of the side."""
    count = ceil(last / max(1, side // 2))
    return [round(last * i / count) for i in range(count + 1)] if count else [0]


def _place(what: str, box: tuple[int, int, int, int], pixels: Tensor) -> str:
    top, left, tall, wide = box
    share = tall * wide / (pixels.shape[1] * pixels.shape[2])
    return (
        f"{what} of {tall} × {wide} pixels at row {top}, column {left} ({share:.0%} of the image)"
    )


def _hidden(box: tuple[int, int, int, int], fill: Tensor) -> Callable[[Tensor], Tensor]:
    top, left, tall, wide = box

    def change(pixels: Tensor) -> Tensor:
        changed = pixels.clone()
        changed[:, top : top + tall, left : left + wide] = fill
        return changed

    return change


def _crops(pixels: Tensor) -> Iterator[list[Candidate]]:
    height, width = pixels.shape[1:]
    for side in CROPS:
        tall, wide = max(1, round(side * height)), max(1, round(side * width))
        corners = {
            (round((height - tall) * i / 4), round((width - wide) * j / 4))
            for i in range(5)
            for j in range(5)
        }
        yield [
            (1 - tall * wide / (height * width), _place("The crop", box, pixels), _cut(box))
            for top, left in sorted(corners)
            for box in [(top, left, tall, wide)]
        ]


def _cut(box: tuple[int, int, int, int]) -> Callable[[Tensor], Tensor]:
    top, left, tall, wide = box

    def change(pixels: Tensor) -> Tensor:
        part = pixels[None, :, top : top + tall, left : left + wide]
        size = pixels.shape[1:]
        return nn.functional.interpolate(part, size=tuple(size), mode="bilinear")[0]

    return change

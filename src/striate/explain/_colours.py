"""Changes of colour by strength, of pixels in 0..1."""

from collections.abc import Callable, Iterator
from functools import partial
from math import cos, radians, sin

import torch
from torch import Tensor

COLOURS = ("brightness", "contrast", "hue", "grey")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
# NTSC: Y (light), I and Q (colour); a turn of (I, Q) is a turn of the hue
YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
Candidate = tuple[float, str, Callable[[Tensor], Tensor]]  # size, in words, image -> image


def recoloured(kind: str) -> Iterator[list[Candidate]]:
    """All changes of one strength, the weakest first; size 1 is the strongest."""
    if kind == "hue":
        for angle in range(10, 181, 10):
            yield [
                (angle / 180, f"A hue turned by {turn}°", partial(_turned, degrees=turn))
                for turn in ((angle, -angle) if angle < 180 else (180,))
            ]
    elif kind == "grey":
        for tenth in range(1, 11):
            share = tenth / 10
            yield [(share, f"Mixing {share:.0%} of grey", partial(_greyed, share=share))]
    else:
        change = _brightened if kind == "brightness" else _contrasted
        for eighth in range(1, 25):
            yield [
                (eighth / 24, f"{kind.capitalize()} × {factor:.2f}", partial(change, factor=factor))
                for factor in (2 ** (eighth / 8), 2 ** (-eighth / 8))
            ]


def _brightened(pixels: Tensor, factor: float) -> Tensor:
    return (pixels * factor).clamp(0, 1)


def _contrasted(pixels: Tensor, factor: float) -> Tensor:
    mean = pixels.mean()
    return (mean + factor * (pixels - mean)).clamp(0, 1)


def _greyed(pixels: Tensor, share: float) -> Tensor:
    grey = torch.einsum("c,chw->hw", pixels.new_tensor(LUMA), pixels)
    return (1 - share) * pixels + share * grey


def _turned(pixels: Tensor, degrees: float) -> Tensor:
    c, s = cos(radians(degrees)), sin(radians(degrees))
    to_yiq = pixels.new_tensor(YIQ)
    turn = pixels.new_tensor(((1, 0, 0), (0, c, -s), (0, s, c)))
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("dc,chw->dhw", matrix, pixels).clamp(0, 1)

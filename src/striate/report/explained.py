"""One explanation as a picture of its own: photograph, map, and in words what it explains."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from striate.report.words import number, percent, shorten, visible

Pixels = NDArray[np.uint8]  # [H, W, 3]

MARGIN, GAP, LINE, BAR = 16, 12, 22, 10  # pixels
LEAST_WIDTH = 460  # so that a line of text has room
PAPER, INK, SOFT = "#fcfcfa", "#1b1d22", "#565a63"


@dataclass(frozen=True)
class Shown:
    """What stands in the picture of one explanation.

    Args:
        picture, overlay: of one size.
        scale: the colours of the map from its lowest to its highest value, [1, n, 3].
        signed: whether the map says what speaks against the target too.
        method: as people read it.
        answer: what the model says, as `words_of` puts it.
        target: what the map explains.
    """

    picture: Pixels
    overlay: Pixels
    scale: Pixels
    signed: bool
    method: str
    target: str
    answer: str
    quality: Mapping[str, float] = field(default_factory=dict)


def words_of(name: str, value: float | None, *, is_number: bool) -> str:
    """`tabby, 93.1 %`, or the number that was predicted."""
    if is_number:
        return number(value)
    return name if value is None else f"{shorten(name, 48)}, {percent(value)}"


def draw_explained(shown: Shown) -> bytes:
    """PNG: photograph and map side by side, the colours' meaning, target and answer under them."""
    height, width = shown.picture.shape[:2]
    inner = max(2 * width + GAP, LEAST_WIDTH)
    lines = _lines(shown)
    tall = MARGIN + height + GAP + BAR + LINE + GAP + LINE * len(lines) + MARGIN
    page = Image.new("RGB", (inner + 2 * MARGIN, tall), PAPER)
    left, right = MARGIN, MARGIN + inner - width
    page.paste(Image.fromarray(shown.picture), (left, MARGIN))
    page.paste(Image.fromarray(shown.overlay), (right, MARGIN))
    below = MARGIN + height + GAP
    page.paste(Image.fromarray(shown.scale).resize((width, BAR)), (right, below))
    draw = ImageDraw.Draw(page)
    ends = ("against", "for it") if shown.signed else ("nothing", "most")
    places = ((right, ends[0], "la"), (right + width, ends[1], "ra"))
    for x, said, anchor in places:
        draw.text((x, below + BAR + 3), said, fill=SOFT, font=_font(12), anchor=anchor)
    top = below + BAR + LINE + GAP
    for row, (said, colour, size) in enumerate(lines):
        draw.text((MARGIN, top + row * LINE), said, fill=colour, font=_font(size))
    file = BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _lines(shown: Shown) -> list[tuple[str, str, int]]:
    said = [
        (f"explained: {visible(shown.target)}", INK, 15),
        (f"answered:  {visible(shown.answer)}", INK, 15),
        (visible(shown.method), SOFT, 13),
    ]
    if shown.quality:
        measured = "   ".join(f"{name} {value:.3f}" for name, value in shown.quality.items())
        said.append((measured, SOFT, 13))
    return said


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with matplotlib, which has most alphabets."""
    import matplotlib as mpl  # here, since it takes a moment

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)

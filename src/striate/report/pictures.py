"""Pictures inside the page: every image becomes a data URI that is small and truly an image."""

import base64
import io
from collections.abc import Mapping, Sequence

from PIL import Image

from striate.report.markup import Markup, tag

SMALL = 6_000  # bytes up to which a PNG goes into the page as it is


def picture(
    pictures: Mapping[str, bytes], key: object, alt: str, *, side: int, class_: str = "shot"
) -> Markup:
    """An `<img>` for a key of `pictures`; where there is none, a framed blank that says so.

    Args:
        side: the longest side that is kept, in pixels.
    """
    content = pictures.get(key) if isinstance(key, str) else None
    ready = _ready(content, side) if content else None
    if ready is None:
        return tag("span", "no picture", class_=f"{class_} missing", role="img", aria_label=alt)
    uri, (width, height) = ready
    crisp = " crisp" if max(width, height) <= side / 2 else ""
    return tag(
        "img",
        src=uri,
        alt=alt,
        width=width,
        height=height,
        class_=class_ + crisp,
        loading="lazy",
        decoding="async",
    )


def _ready(content: bytes, side: int) -> tuple[str, tuple[int, int]] | None:
    """Data URI and (width, height); None when the bytes are no picture. Large ones become JPEG."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            kind = (image.format or "").lower()
            if len(content) <= SMALL and max(image.size) <= 2 * side:
                image.verify()
                return _uri(content, kind), image.size
            image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            smaller = _opaque(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    buffer = io.BytesIO()
    smaller.save(buffer, "JPEG", quality=82, optimize=True)
    return _uri(buffer.getvalue(), "jpeg"), smaller.size


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image.copy()
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


RIGHT, WRONG = (49, 104, 201), (204, 82, 20)  # mid-tones that carry on white and on black


def heat_map(matrix: Sequence[Sequence[int]], alt: str) -> Markup:
    """A confusion matrix as one pixel per cell: blue on the diagonal, orange where classes mix.

    The depth of a cell is the square root of its share of the row, so that a few mistakes are seen.
    """
    classes = len(matrix)
    image = Image.new("RGBA", (classes, classes))
    for row, counts in enumerate(matrix):
        total = sum(counts) or 1
        for column, found in enumerate(counts[:classes]):
            if found:
                depth = round(55 + 200 * (found / total) ** 0.5)
                colour = RIGHT if row == column else WRONG
                image.putpixel((column, row), (*colour, min(depth, 255)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    uri = _uri(buffer.getvalue(), "png")
    return tag("img", src=uri, alt=alt, width=classes, height=classes, class_="heat crisp")

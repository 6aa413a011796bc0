"""JPEG photographs decoded at a half, a quarter or an eighth of their size.

libjpeg computes fewer pixels from each block of 8×8 but reads every byte of the file, so that
a truncated file is noticed all the same. Where w pixels become ceil(w / s), the last of them is
covered only in part; the extent says exactly where the photograph ends, so that nothing shifts.
"""

from PIL import Image
from PIL.Image import Transpose
from PIL.JpegImagePlugin import JpegImageFile

from striate.data.header import orientation as orientation_of
from striate.data.resize import Box, Size

STEPS = (8, 4, 2)  # the reductions that libjpeg knows
ACROSS, DOWN = "across", "down"

# EXIF orientation: how to turn, whether the sides are swapped, which edges then change places
TURNS = {
    2: (Transpose.FLIP_LEFT_RIGHT, False, (ACROSS,)),
    3: (Transpose.ROTATE_180, False, (ACROSS, DOWN)),
    4: (Transpose.FLIP_TOP_BOTTOM, False, (DOWN,)),
    5: (Transpose.TRANSPOSE, True, ()),
    6: (Transpose.ROTATE_270, True, (ACROSS,)),
    7: (Transpose.TRANSVERSE, True, (ACROSS, DOWN)),
    8: (Transpose.ROTATE_90, True, (DOWN,)),
}


def reduce(image: Image.Image, least: Size) -> Box | None:
    """Have a JPEG decoded as small as it may be; call it before the pixels are loaded.

    Args:
        least: (height, width) of the upright picture that must be left, pixels.
    Returns:
        Where the photograph will lie in the decoded image, before turning: left, top, right,
        bottom, pixels. None where it is decoded in full.
    """
    if not isinstance(image, JpegImageFile):
        return None
    width, height = image.size
    wide, tall = upright(least[::-1], orientation_of(image, []))
    for step in STEPS:
        if width // step >= wide and height // step >= tall:
            drafted = image.draft(None, (width // step, height // step))
            return None if drafted is None else drafted[1]
    return None


def upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(width, height) of a picture once it is turned, and back."""
    swapped = orientation in TURNS and TURNS[orientation][1]
    return size[::-1] if swapped else size


def turn(image: Image.Image, extent: Box, orientation: int) -> tuple[Image.Image, Box]:
    """Turn an image upright, and with it the photograph's extent."""
    if orientation not in TURNS:
        return image, extent
    how, swapped, mirrored = TURNS[orientation]
    left, top, right, bottom = extent
    if swapped:
        left, top, right, bottom = top, left, bottom, right
    turned = image.transpose(how)
    if ACROSS in mirrored:
        left, right = turned.width - right, turned.width - left
    if DOWN in mirrored:
        top, bottom = turned.height - bottom, turned.height - top
    return turned, (left, top, right, bottom)


def unread_content(image: Image.Image) -> bytes | None:
    """The file of a JPEG that was opened but not decoded yet; None for all other images.

    So a photograph that Pillow has opened is decoded like the same file given as bytes.
    """
    if not isinstance(image, JpegImageFile) or not image.tile or image.decoderconfig:
        return None
    if image.fp is None or image.tell():
        return None
    here = image.fp.tell()
    image.fp.seek(0)
    content = image.fp.read()
    image.fp.seek(here)
    return bytes(content)

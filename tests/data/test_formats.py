"""What counts as an image is told by content, and only plain rasters are read."""

import io
import logging
import warnings

import pytest
from PIL import Image

from striate.data.formats import FORMATS, READABLE, open_image, pillow_warnings, sniff
from striate.errors import DataError


@pytest.mark.parametrize("name", FORMATS)
def test_every_readable_format_is_known_by_its_content(name):
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, name)
    assert sniff(buffer.getvalue()) == name
    assert open_image(buffer.getvalue(), "x").size == (4, 4)
    assert name.replace("JPEG2000", "JPEG 2000").lower() in READABLE.lower()


@pytest.mark.parametrize("name", ["EPS", "PDF", "TGA", "ICO", "ICNS", "PCX", "SGI"])
def test_formats_that_need_more_than_a_raster_are_refused(name):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, name)
    with pytest.raises(DataError, match=r"x\.png: the content is") as caught:
        open_image(buffer.getvalue(), "x.png")
    assert caught.value.code in ("data-unsupported-format", "data-not-an-image")


def test_warnings_of_pillow_are_collected_and_filters_put_back():
    filters, show = list(warnings.filters), warnings.showwarning
    with pillow_warnings() as outer:
        with pillow_warnings() as inner:
            warnings.warn_explicit("inside", UserWarning, "x.py", 1, module="PIL.TiffImagePlugin")
        warnings.warn_explicit("outside", UserWarning, "x.py", 2, module="PIL.TiffImagePlugin")
        with pytest.raises(UserWarning, match="not Pillow"):
            warnings.warn("not Pillow", UserWarning, stacklevel=1)
    assert (inner, outer) == (["inside"], ["outside"])
    assert list(warnings.filters) == filters
    assert warnings.showwarning is show


def test_what_pillow_logs_is_not_printed(capfd):
    logging.getLogger("PIL.TiffImagePlugin").error("More samples per pixel than can be decoded")
    assert capfd.readouterr().err == ""

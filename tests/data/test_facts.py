"""Facts about one image."""

import io
import json

import numpy as np
import scipy.fft
from PIL import Image

from data.pictures import photograph
from striate.data.facts import Facts, examine, perceptual_hash

RNG = np.random.default_rng(0)


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_facts_of_a_photograph():
    facts = examine(png(photograph(1, 80)), 10**6)
    assert (facts.height, facts.width, facts.channels, facts.notes) == (80, 80, 3, ())
    assert facts.look is not None
    assert len(facts.thumb) == 16 * 16 * 3
    assert facts.reason == ""


def test_facts_of_a_broken_file_carry_the_reason_without_a_name():
    facts = examine(png(photograph(1))[:200], 10**6)
    assert (facts.height, facts.reason) == (0, "truncated")
    assert facts.detail.startswith("The PNG data end too early")


def test_tiny_and_flat_images_have_no_look():
    assert examine(png(photograph(1, 31)), 10**6).look is None
    assert examine(png(photograph(1, 32)), 10**6).look is not None
    assert examine(png(Image.new("RGB", (64, 64), "white")), 10**6).look is None
    five = RNG.integers(0, 256, (40, 40, 5), dtype=np.uint8)
    assert examine(five, 10**6).channels == 5


def test_the_hash_is_the_one_of_scipys_cosine_transform():
    grey = RNG.random((32, 32)).astype(np.float32) * 255
    low = scipy.fft.dctn(grey.astype(np.float64), type=2)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    assert perceptual_hash(grey) == int("".join("01"[int(bit)] for bit in bits), 2)


def test_facts_survive_json():
    for facts in (examine(png(photograph(1)), 10**6), Facts(reason="truncated", detail="…")):
        assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts

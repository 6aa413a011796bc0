"""Near-duplicates: what must be found, and what must not."""

import io
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from data.pictures import photograph
from striate.data.duplicates import joined, merged, near_groups, same_content
from striate.data.facts import Facts, examine


def jpeg(image, quality=90):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def smaller(image):
    return image.resize((image.width // 2, image.height // 2))


def cropped(image):
    side = image.width // 100
    return image.crop((side, side, image.width - side, image.height - side))


EDITS = {
    "recompressed": lambda image: jpeg(image, 25),
    "halved": lambda image: jpeg(smaller(image)),
    "stretched": lambda image: jpeg(image.resize((224, 224))),
    "brightened": lambda image: jpeg(ImageEnhance.Brightness(image).enhance(1.1)),
    "cropped": lambda image: jpeg(cropped(image)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edited_copies_of_real_photographs_are_found_and_nothing_else(shared_data, edit):
    paths = sorted((shared_data / "cats-dogs" / "test" / "cats").glob("*.jpg"))[:40]
    images = [Image.open(path).convert("RGB") for path in paths]
    facts = [examine(jpeg(image), 10**8) for image in images]
    facts += [examine(EDITS[edit](image), 10**8) for image in images]
    groups = near_groups(facts, [])
    same = groups[:, None] == groups[None, :]
    same[groups < 0] = False
    np.fill_diagonal(same, False)
    found = [same[k, k + 40] for k in range(40)]
    assert sum(found) >= 39
    assert same.sum() == 2 * sum(found)


def test_different_pictures_stay_alone():
    facts = [examine(jpeg(photograph(seed)), 10**8) for seed in range(200)]
    assert (near_groups(facts, []) == -1).all()


def test_a_mirrored_or_inverted_picture_is_another_one():
    image = photograph(3)
    others = [
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        Image.eval(image, lambda v: 255 - v),
    ]
    facts = [examine(jpeg(i), 10**8) for i in (image, *others)]
    assert (near_groups(facts, []) == -1).all()


def test_copies_and_near_duplicates_close_over_chains():
    facts = [examine(jpeg(photograph(1), q), 10**8) for q in (90, 30)]
    facts += [Facts(height=8, width=8)] * 3
    assert near_groups(facts, [[3, 4], [4, 1]]).tolist() == [0, 0, -1, 0, 0]


def test_the_worst_case_of_one_scene_is_quick():
    one = examine(jpeg(photograph(1)), 10**8)
    start = time.monotonic()
    assert (near_groups([one] * 5000, []) == 0).all()
    assert time.monotonic() - start < 20


def test_same_content_leaves_out_unknown():
    assert same_content(["a", "", "b", "a", ""]) == [[0, 3]]


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_merging_equals_walking_the_graph(pairs):
    neighbours = {k: {k} for k in range(20)}
    for one, other in pairs:
        neighbours[one].add(other)
        neighbours[other].add(one)
    expected = []
    for start in range(20):
        seen, front = {start}, [start]
        while front:
            new = neighbours[front.pop()] - seen
            seen |= new
            front += new
        expected.append(min(seen))
    edges = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    assert merged(np.arange(20), edges).tolist() == expected
    halves = merged(merged(np.arange(20), edges[::2]), edges[1::2])
    assert halves.tolist() == expected
    groups = joined(20, pairs)
    assert [(groups == g).sum() if g >= 0 else 1 for g in groups] == [
        expected.count(first) for first in expected
    ]

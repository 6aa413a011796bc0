"""The map page: whole, alone, and safe against names from strangers' disks."""

import base64
import hashlib
import io
import json
import re

import numpy as np
from PIL import Image

from striate.report.embedding_page import EmbeddingMap, embedding_page


def small_map(**changes) -> EmbeddingMap:
    values = {
        "title": "pets by my-run",
        "layer": "features.stage3",
        "dimensions": 512,
        "method": "tsne",
        "points": np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]]),
        "cells": np.array([[1, 0], [1, 1], [0, 0]]),
        "thumbnails": np.stack([np.full((8, 16, 3), shade, np.uint8) for shade in (0, 120, 250)]),
        "labels": ["zebra", "cat", "zebra"],
        "predicted": ["zebra", "ant", ""],
        "names": ["a.jpg", "b.jpg", "c.jpg"],
        "near_features": np.array([[1], [0], [0]]),
        "near_pixels": np.array([[1], [2], [1]]),
        "silhouettes": {"cat": -0.25, "zebra": 0.5, "": 0.25},
        "nearest_class": {"cat": ("zebra", 0.75), "zebra": ("cat", 0.75)},
    }
    return EmbeddingMap(**{**values, **changes})


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def test_the_data_are_those_of_the_map() -> None:
    data = data_of(embedding_page(small_map()))
    assert data["classes"] == ["cat", "zebra", "ant"]  # labels first
    assert data["labels"] == [1, 0, 1]
    assert data["predicted"] == [1, 2, -1]
    assert data["points"] == [[0, 0.75], [1, 0.75], [0, 0.25]]  # y down, ratio kept
    assert data["cells"] == [[1, 0], [1, 1], [0, 0]]
    assert data["near"] == {"features": [[1], [0], [0]], "pixels": [[1], [2], [1]]}
    assert data["thumb"] == [16, 8]  # width, height
    sprite = Image.open(io.BytesIO(base64.b64decode(data["sprite"].partition(",")[2])))
    assert sprite.size == (32, 16)
    assert data["columns"] == 2
    shades = [int(np.asarray(sprite)[y, x, 0]) for x, y in ((8, 4), (24, 4), (8, 12))]
    np.testing.assert_allclose(shades, [0, 120, 250], atol=3)


def test_classes_are_listed_worst_first() -> None:
    page = embedding_page(small_map())
    assert page.index("<bdi>cat</bdi></th>") < page.index("<bdi>zebra</bdi></th>")
    assert "−0.25" in page
    assert "Silhouette of all images 0.25" in page
    assert "3 images · features.stage3, 512 numbers · t-SNE" in page
    alone = embedding_page(small_map(silhouettes={}, nearest_class={}))
    assert "<table" not in alone


def test_nothing_leaves_the_page_and_only_its_own_script_may_run() -> None:
    page = embedding_page(small_map())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    policy = policy.replace("&#x27;", "'")
    assert "default-src 'none'" in policy
    script = re.search(r"<script>(.*?)</script>", page, re.S)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    for kind, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|\bfetch\(|XMLHttpRequest|innerHTML", page)
    assert " style=" not in page


def test_names_cannot_become_markup() -> None:
    bad = "</script><script>alert(1)</script>\u202e"
    page = embedding_page(
        small_map(
            title=bad, labels=[bad, "cat", bad], names=[bad, "b", "c"], layer=bad,
            silhouettes={bad: 0.1, "cat": 0.2}, nearest_class={bad: ("cat", 1), "cat": (bad, 1)},
        )
    )  # fmt: skip
    assert "<script>alert" not in page
    assert page.count("</script>") == 2
    assert "\u202e" not in page
    assert data_of(page)["names"][0].startswith("</script>")


def test_images_that_are_left_out_are_told() -> None:
    assert "3 images of 1,003" in embedding_page(small_map(left_out=1000))

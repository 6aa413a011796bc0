"""The two folders that loaders read: photographs as they are, and a few of 12 megapixels."""

import argparse
from collections.abc import Iterator
from pathlib import Path

BATCH = 32
LARGE, SIZE = 24, (4000, 3000)


def folders(request: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    yield "small", request.data / "cats-dogs" / "train"
    yield "large", request.kept / "large"


def make_large(request: argparse.Namespace) -> None:
    """A class per folder, of enlarged photographs."""
    from PIL import Image

    for kind in ("cats", "dogs"):
        target = request.kept / "large" / kind
        if target.is_dir():
            return  # another contestant has made them
        target.mkdir(parents=True)
        files = sorted((request.data / "cats-dogs" / "train" / kind).iterdir())[: LARGE // 2]
        for file in files:
            photograph = Image.open(file).convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
            photograph.save(target / file.name, quality=90)

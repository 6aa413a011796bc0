"""Pictures and trainings small enough to be used by many tests."""

from pathlib import Path

import numpy as np
from PIL import Image

from striate.tasks.request import TrainRequest
from striate.tasks.run import Run
from striate.tasks.train import run

COLOURS = ("blue", "green", "red")
EACH = 14  # usable pictures of a class
SMALL = {"epochs": 2, "batch_size": 8, "model": "striatenet", "workers": 0, "device": "cpu"}


def picture(colour: str, number: int) -> Image.Image:
    """Noise in which one channel is bright: easy to tell, and no two are alike."""
    draw = np.random.default_rng([number, COLOURS.index(colour)])
    pixels = draw.integers(0, 160, (14 + number % 5, 15 + number % 4, 3), dtype=np.uint8)
    pixels[..., ("red", "green", "blue").index(colour)] += 95
    return Image.fromarray(pixels)


def write_pictures(root: Path, each: int = EACH, colours: tuple[str, ...] = COLOURS) -> Path:
    """A class a folder; `red` also has a file that is no picture, and a hidden one."""
    for colour in colours:
        folder = root / colour
        folder.mkdir(parents=True)
        for number in range(each):
            kind = "jpg" if number % 3 == 2 else "png"
            picture(colour, number).save(folder / f"{number:03}.{kind}")
    (root / colours[-1] / "notes.png").write_text("no picture at all")
    (root / colours[-1] / ".hidden.png").write_bytes(b"")
    return root


def small_request(data: Path | str, output_dir: Path | None = None, **options: object):
    """Two epochs of a small network, one thread."""
    return TrainRequest(data=str(data), output_dir=output_dir, **{**SMALL, **options})


def train_small(data: Path | str, output_dir: Path | None = None, **options: object) -> Run:
    return run(small_request(data, output_dir, **options))

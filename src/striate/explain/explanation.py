"""An explanation as a person keeps it: maps, what they explain, and their pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from striate.explain.pictures import Picture, overlay
from striate.explain.quality import FAILS as FAILS
from striate.explain.quality import changes

GAP = 8  # pixels between pictures
RED = (193, 18, 31)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Attribution maps of images, with everything that tells them apart from others.

    Args:
        maps: [N, H, W], as the method gives them: signed or not, not normalised.
        pictures: what the network saw, uint8 [N, H, W, 3].
        names: of the images.
        targets: the class (or output) that each map explains, by name.
        answers: the probability of the target, or the predicted number; [N].
        method: a key of `METHODS`.
        options: the method's own, as given; the layer too, where one was named.
        quality: faithfulness by the name of its measure, one number per image; see
            `striate.explain.quality`.
        seconds: wall time of the method for all images together.
    """

    maps: Tensor
    pictures: NDArray[np.uint8]
    names: tuple[str, ...]
    targets: tuple[str, ...]
    answers: NDArray[np.float64]
    method: str
    options: Mapping[str, Any]
    seconds: float
    quality: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.maps)

    def __repr__(self) -> str:
        height, width = self.maps.shape[1:]
        scores = "".join(f", {name} {values.mean():.3f}" for name, values in self.quality.items())
        return (
            f"Explanation({self.method}, {len(self)} × {height}×{width}, "
            f"{', '.join(dict.fromkeys(self.targets))}{scores}, {self.seconds:.2f} s"
            f"{', ' + FAILS if self.fails_randomisation else ''})"
        )

    @property
    def fails_randomisation(self) -> bool:
        """Whether the maps barely change when what the network has learned is destroyed; False,
        too, where that was not measured."""
        return "randomisation" in self.quality and not changes(self.quality["randomisation"])

    def overlay(self, index: int = 0) -> Picture:
        """The map laid over its picture, uint8 [H, W, 3]."""
        return overlay(self.pictures[index], self.maps[index].detach().cpu().numpy())

    def picture(self, index: int = 0) -> Image.Image:
        """The picture and the map laid over it, side by side; a map that fails the randomisation
        check is crossed out."""
        gap = np.full((self.pictures.shape[1], GAP, 3), 255, dtype=np.uint8)
        heat = self.overlay(index)
        shown = crossed_out(heat) if self.fails_randomisation else heat
        return Image.fromarray(np.hstack([self.pictures[index], gap, shown]))

    def save(self, path: str | Path) -> Path:
        """All pictures under one another, as an image file of the format that `path` ends in."""
        rows = [np.asarray(self.picture(index)) for index in range(len(self))]
        gap = np.full((GAP, rows[0].shape[1], 3), 255, dtype=np.uint8)
        parted = [part for row in rows for part in (row, gap)][:-1]
        Image.fromarray(np.vstack(parted)).save(path)
        return Path(path)

    def to_json(self) -> list[dict[str, Any]]:
        """What is known of every image's map besides its pixels."""
        return [
            {
                "image": self.names[index],
                "target": self.targets[index],
                "answer": float(self.answers[index]),
                "method": self.method,
                "options": dict(self.options),
                "quality": {name: float(values[index]) for name, values in self.quality.items()},
                "fails_randomisation": self.fails_randomisation,
            }
            for index in range(len(self))
        ]


def crossed_out(picture: Picture) -> Picture:
    """The picture in a red frame, with a red line from corner to corner."""
    height, width = picture.shape[:2]
    thick = max(1, min(height, width) // 60)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width - 1, height - 1), outline=RED, width=2 * thick)
    draw.line((0, height - 1, width - 1, 0), fill=RED, width=thick)
    return np.asarray(image)

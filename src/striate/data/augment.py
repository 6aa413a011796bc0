"""What may happen to a training image, all off by default."""

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from striate.data.color import color_jitter
from striate.data.draws import Draws
from striate.data.geometry import Padding, mirror, resized_crop, shifted
from striate.data.mixing import erase, mix, soft_targets
from striate.data.rand_augment import STRONGEST, rand_augment
from striate.errors import UsageError

Crop = Literal["none", "shift", "resized"]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images, batched, in the order of the fields.

    Every number is drawn for its sample alone (`Draws`), so batches, workers and resuming change
    nothing; only mixup and cutmix look at the neighbour in the batch.

    Args:
        crop: `none` cuts the canvas's centre, `shift` a window at a random place, `resized` a
            random part brought to size.
        shift: how far the window may leave the canvas, pixels, for `crop="shift"`.
        padding: what is there: the image reflected, or zeros.
        scale: least and greatest share of the canvas's area for `crop="resized"`, 0..1.
        flip: half of the images are mirrored left to right.
        color_jitter: strength of changes in brightness, contrast, saturation and hue, 0..1.
        randaugment: operations per image; 0 is off, 2 is usual.
        magnitude: of RandAugment's operations, 0..10.
        erasing: probability that a rectangle is blanked, 0..1.
        mixup, cutmix: alpha of the Beta distribution of shares; 0 is off.
    Raises:
        UsageError: a value breaks its rule.
    """

    crop: Crop = "none"
    shift: int = 0
    padding: Padding = "reflect"
    scale: tuple[float, float] = (0.35, 1.0)
    flip: bool = False
    color_jitter: float = 0.0
    randaugment: int = 0
    magnitude: float = 9.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        rules = {
            f"crop must be one of {', '.join(get_args(Crop))}": self.crop in get_args(Crop),
            "padding must be reflect or zeros": self.padding in get_args(Padding),
            "scale must be two shares 0 < low <= high <= 1": 0 < low <= high <= 1,
            "color_jitter must be 0..1": 0 <= self.color_jitter <= 1,
            "magnitude must be 0..10": 0 <= self.magnitude <= STRONGEST,
            "erasing must be 0..1": 0 <= self.erasing <= 1,
            **{
                f"{name} must be 0 or more": 0 <= getattr(self, name) < float("inf")
                for name in ("shift", "randaugment", "mixup", "cutmix")
            },
        }
        for rule, kept in rules.items():
            if not kept:
                name = rule.split()[0]
                raise UsageError(
                    "usage-augmentation", f"Augmentation: {rule}, got {getattr(self, name)}."
                )

    @property
    def mixes(self) -> bool:
        """Whether an image meets the one before it in the batch."""
        return self.mixup > 0 or self.cutmix > 0

    def __call__(self, canvases: Tensor, size: tuple[int, int], draws: Draws) -> Tensor:
        """Change the images one by one.

        Shape: uint8 [N, C, Hc, Wc] -> [N, C, *size] on the 0..255 scale: uint8, or float32 after
            a change of colour.
        """
        images = self._cut(canvases, size, draws)
        if self.flip:
            images = mirror(images, draws.chance("flip"))
        if self.color_jitter > 0:
            images = color_jitter(images.float(), self.color_jitter, draws)
        if self.randaugment > 0:
            images = rand_augment(images.float(), self.randaugment, self.magnitude, draws)
        return images

    def _cut(self, canvases: Tensor, size: tuple[int, int], draws: Draws) -> Tensor:
        if self.crop == "resized":
            return resized_crop(canvases, size, self.scale, draws)
        if self.crop == "shift":
            return shifted(canvases, size, self.shift, self.padding, draws)
        top, left = (canvases.shape[2] - size[0]) // 2, (canvases.shape[3] - size[1]) // 2
        return canvases[:, :, top : top + size[0], left : left + size[1]]

    def finish(
        self, images: Tensor, targets: Tensor, draws: Draws, classes: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Change normalised images, and targets with them; the images may be changed in place.

        Shape: images float32 [N, C, H, W]; targets as the loss takes them; when mixed, int64 [N]
            become float32 [N, classes].
        """
        if self.erasing > 0:
            images = erase(images, self.erasing, draws)
        if self.mixes:
            soft = soft_targets(targets, classes)
            images, targets = mix(images, soft, self.mixup, self.cutmix, draws)
        return images, targets

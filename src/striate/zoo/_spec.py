"""What the workbench knows about an architecture without building it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from striate.errors import UsageError
from striate.nn import HeadedNetwork
from striate.nn.headed import too_small
from striate.shapes import Pair, pair


@dataclass(frozen=True)
class ArchitectureSpec:
    """One named architecture: how to build it, and facts that the tests check.

    Args:
        make: builder taking `classes`, `in_channels` and, where `sized`, `image_size`.
        image_size: pixels, height = width, as in the source.
        stride: input pixels per pixel of the last feature map; None where features are no map.
        params: weights with `classes` outputs, `channels` input channels and `image_size`,
            auxiliary heads included.
        year: of the paper's first version.
        multiply_adds: of convolutions and dense layers for one image of `image_size`, in
            evaluation; three to four digits as published.
        receptive_field: pixels of the image that a unit of the last feature map sees along an
            axis; None where that is the whole image whatever its size (gates, attention).
        top5: error on the ILSVRC test or validation set as the source gives it, percent; None
            where it took no part. `top5_of` says which set, how many networks and crops.
        sized: the builder fits the network to the image size.
        smallest: pixels; the shortest side of an image that leaves a feature map.
        task: what the outputs are: [N, classes], or [N, classes, H, W].
    """

    name: str
    make: Callable[..., HeadedNetwork]
    image_size: int
    stride: int | None
    params: int
    year: int
    multiply_adds: int
    receptive_field: int | None
    top5: float | None = None
    top5_of: str = ""
    classes: int = 1000
    channels: int = 3
    sized: bool = False
    smallest: int = 1
    task: Literal["classification", "segmentation"] = "classification"

    def build(
        self,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        image_size: int | Pair | None = None,
    ) -> HeadedNetwork:
        """The network; what is not given is as in the source.

        Raises:
            UsageError: `classes` or `in_channels` is not positive.
            ShapeError: the images are smaller than `smallest`.
        """
        classes = self.classes if classes is None else classes
        in_channels = self.channels if in_channels is None else in_channels
        size = pair(self.image_size if image_size is None else image_size)
        self._check(classes, in_channels, size)
        options = {"image_size": size} if self.sized else {}
        network = self.make(classes=classes, in_channels=in_channels, **options)
        network.smallest = self.smallest
        return network

    def _check(self, classes: int, in_channels: int, size: Pair) -> None:
        for what, number in [("classes", classes), ("channels", in_channels)]:
            if number < 1:
                raise UsageError(
                    "model-not-positive",
                    f"{self.name}: {what} must be 1 or more, got {what}={number}.",
                )
        if min(size) < self.smallest:
            raise too_small(self.name, self.smallest, *size)


def table(*families: Iterable[ArchitectureSpec]) -> dict[str, ArchitectureSpec]:
    """Families joined into one table by name; a name used twice is an error at import."""
    specs = [spec for family in families for spec in family]
    names = [spec.name for spec in specs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"architecture names used twice: {sorted(twice)}")
    return dict(zip(names, specs, strict=True))

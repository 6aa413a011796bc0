"""What the workbench knows about an architecture without building it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from striate.errors import ShapeError, UsageError
from striate.nn import Classifier
from striate.shapes import Pair, pair


@dataclass(frozen=True)
class ArchitectureSpec:
    """One named architecture: how to build it, and facts that the tests check.

    Args:
        make: builder taking `classes`, `in_channels` and, where `sized`, `image_size`.
        image_size: pixels, height = width, as in the source.
        stride: input pixels per pixel of the last feature map, at `image_size`.
        params: weights with `classes` outputs, `channels` input channels and `image_size`.
        sized: the builder fits the network to the image size.
        smallest: pixels; the shortest side of an image that leaves a feature map.
    """

    name: str
    make: Callable[..., Classifier]
    image_size: int
    stride: int
    params: int
    classes: int = 1000
    channels: int = 3
    sized: bool = False
    smallest: int = 1

    def build(
        self,
        *,
        classes: int | None = None,
        in_channels: int | None = None,
        image_size: int | Pair | None = None,
    ) -> Classifier:
        """The network; what is not given is as in the source.

        Raises:
            UsageError: `classes` or `in_channels` is not positive.
            ShapeError: the images are smaller than `smallest`.
        """
        classes = self.classes if classes is None else classes
        in_channels = self.channels if in_channels is None else in_channels
        size = pair(self.image_size if image_size is None else image_size)
        self._check(classes, in_channels, size)
        if self.sized:
            return self.make(classes=classes, in_channels=in_channels, image_size=size)
        return self.make(classes=classes, in_channels=in_channels)

    def _check(self, classes: int, in_channels: int, size: Pair) -> None:
        for what, number in [("classes", classes), ("channels", in_channels)]:
            if number < 1:
                raise UsageError(
                    "model-not-positive",
                    f"{self.name}: {what} must be 1 or more, got {what}={number}.",
                )
        if min(size) < self.smallest:
            raise ShapeError(
                "shape-image-too-small",
                f"{self.name} needs images of at least {self.smallest}×{self.smallest} pixels, "
                f"got {size[0]}×{size[1]}.",
                "Enlarge the images or choose a network for small ones, such as striatenet.",
            )


def table(*families: Iterable[ArchitectureSpec]) -> dict[str, ArchitectureSpec]:
    """Families joined into one table by name; a name used twice is an error at import."""
    specs = [spec for family in families for spec in family]
    names = [spec.name for spec in specs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"architecture names used twice: {sorted(twice)}")
    return dict(zip(names, specs, strict=True))

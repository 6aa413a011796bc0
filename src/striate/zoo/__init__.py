"""Architectures by name: one family per file, each a builder and rows of data."""

from fnmatch import fnmatchcase
from types import ModuleType

from striate.errors import unknown_name
from striate.nn import Classifier
from striate.shapes import Pair, pair
from striate.zoo import lenet, resnet, striatenet
from striate.zoo._spec import ArchitectureSpec as ArchitectureSpec
from striate.zoo._spec import table
from striate.zoo.foreign import ForeignReport as ForeignReport
from striate.zoo.foreign import load_foreign_state as load_foreign_state
from striate.zoo.pyramid import FeatureMaps as FeatureMaps

FAMILIES: dict[str, ModuleType] = {
    "lenet": lenet,
    "resnet": resnet,
    "striatenet": striatenet,
}
ARCHITECTURES = table(*(family.FAMILY for family in FAMILIES.values()))


def create(
    name: str,
    *,
    classes: int | None = None,
    channels: int | None = None,
    image_size: int | Pair | None = None,
) -> Classifier:
    """A fresh network for images [N, channels, H, W]; `head(features(images))` [N, classes].

    Args:
        name: a key of `ARCHITECTURES`.
        classes, channels: as in the source where not given, mostly 1000 and 3.
        image_size: pixels, or (height, width); networks that fit themselves to the image use it.
    Raises:
        UnknownName: no such architecture.
        ShapeError: the images are too small for it.

    >>> create("lenet5", classes=10, channels=1).head.output
    Linear(in_features=84, out_features=10, bias=True)
    """
    if name not in ARCHITECTURES:
        raise unknown_name("architecture", name, ARCHITECTURES)
    spec = ARCHITECTURES[name]
    classes = spec.classes if classes is None else classes
    channels = spec.channels if channels is None else channels
    network = spec.build(classes=classes, in_channels=channels, image_size=image_size)
    size = None if image_size is None else [*pair(image_size)]
    network.made_by = {"name": name, "classes": classes, "channels": channels, "image_size": size}
    return network


def family_of(name: str) -> str:
    """The family, a key of `FAMILIES`, that an architecture is a member of.

    >>> family_of("resnet50")
    'resnet'
    """
    for family, module in FAMILIES.items():
        if any(spec.name == name for spec in module.FAMILY):
            return family
    raise unknown_name("architecture", name, ARCHITECTURES)


def list(pattern: str = "*") -> tuple[str, ...]:
    """Names that match a shell pattern, in the order of the table.

    >>> list("resnet1*")
    ('resnet18', 'resnet101', 'resnet152')
    """
    return tuple(name for name in ARCHITECTURES if fnmatchcase(name, pattern))

"""Architectures by name: one family per file, each a builder and rows of data."""

from fnmatch import fnmatchcase
from types import ModuleType
from typing import Literal, overload

from striate.errors import unknown_name
from striate.nn import HeadedNetwork
from striate.shapes import Pair, pair
from striate.zoo import (
    alexnet,
    convnext,
    densenet,
    efficientnet,
    enet,
    googlenet,
    inception,
    lenet,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    resnet_cifar,
    resnet_v2,
    resnext,
    senet,
    squeezenet,
    striatenet,
    vgg,
    vit,
    xception,
    zfnet,
)
from striate.zoo._spec import ArchitectureSpec as ArchitectureSpec
from striate.zoo._spec import table
from striate.zoo.download import OnProgress as OnProgress
from striate.zoo.foreign import ForeignReport as ForeignReport
from striate.zoo.foreign import load_foreign as load_foreign
from striate.zoo.foreign import load_foreign_state as load_foreign_state
from striate.zoo.fpn import FeaturePyramid as FeaturePyramid
from striate.zoo.pretrained import fill_from
from striate.zoo.pretrained import pull as pull
from striate.zoo.published_weights import WEIGHTS as WEIGHTS
from striate.zoo.published_weights import published as published
from striate.zoo.pyramid import FeatureMaps as FeatureMaps

FAMILIES: dict[str, ModuleType] = {
    "lenet": lenet,
    "alexnet": alexnet,
    "zfnet": zfnet,
    "vgg": vgg,
    "googlenet": googlenet,
    "inception": inception,
    "resnet": resnet,
    "resnet_cifar": resnet_cifar,
    "resnet_v2": resnet_v2,
    "densenet": densenet,
    "xception": xception,
    "squeezenet": squeezenet,
    "enet": enet,
    "resnext": resnext,
    "mobilenet_v1": mobilenet_v1,
    "nasnet": nasnet,
    "senet": senet,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3": mobilenet_v3,
    "efficientnet": efficientnet,
    "vit": vit,
    "convnext": convnext,
    "striatenet": striatenet,
}
ARCHITECTURES = table(*(family.FAMILY for family in FAMILIES.values()))


@overload
def create(
    name: str,
    *,
    classes: int | None = None,
    channels: int | None = None,
    image_size: int | Pair | None = None,
    pretrained: bool | str = False,
    features_only: Literal[False] = False,
) -> HeadedNetwork: ...
@overload
def create(
    name: str,
    *,
    classes: int | None = None,
    channels: int | None = None,
    image_size: int | Pair | None = None,
    pretrained: bool | str = False,
    features_only: Literal[True],
) -> FeatureMaps: ...
def create(
    name: str,
    *,
    classes: int | None = None,
    channels: int | None = None,
    image_size: int | Pair | None = None,
    pretrained: bool | str = False,
    features_only: bool = False,
) -> HeadedNetwork | FeatureMaps:
    """A network for images [N, channels, H, W]; `head(features(images))` is [N, classes].

    Args:
        name: a key of `ARCHITECTURES`.
        classes, channels: as in the source where not given, mostly 1000 and 3.
        image_size: pixels, or (height, width); networks that fit themselves to the image use it.
        pretrained: take published weights, fetched once as `striate zoo pull` does; a source
            (torchvision, timm, keras) may be named. Another number of channels adapts the first
            layer, another number of classes starts the last one afresh.
        features_only: give the feature pyramid instead, a list of maps from shallow to deep.
    Raises:
        UnknownName: no such architecture.
        UsageError: nobody is known to have published weights for it.
        ShapeError: the images are too small for it.
        FileError: the weights cannot be had, or are of another image size.

    >>> create("lenet5", classes=10, channels=1).head.output
    Linear(in_features=84, out_features=10, bias=True)
    >>> create("resnet18", features_only=True).channels
    (64, 128, 256, 512)
    """
    if name not in ARCHITECTURES:
        raise unknown_name("architecture", name, ARCHITECTURES)
    spec = ARCHITECTURES[name]
    classes = spec.classes if classes is None else classes
    channels = spec.channels if channels is None else channels
    network = spec.build(classes=classes, in_channels=channels, image_size=image_size)
    size = None if image_size is None else [*pair(image_size)]
    network.made_by = {"name": name, "classes": classes, "channels": channels, "image_size": size}
    if pretrained:
        fill_from(network, pull(name, None if pretrained is True else str(pretrained)))
    return FeatureMaps(network, spec.image_size) if features_only else network


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

    >>> list("resnet??")
    ('resnet18', 'resnet34', 'resnet50')
    """
    return tuple(name for name in ARCHITECTURES if fnmatchcase(name, pattern))

"""Aggregated residual networks: ResNeXt-50 and ResNeXt-101.

New: a bottleneck splits into many equal narrow paths, its cardinality, whose outputs are added;
written down as one 3x3 convolution in groups. For the same weights and work, more paths do better
than more depth or width. "32x4d" is 32 paths of 4 channels in the first stage.

In their day: runner-up of the ILSVRC 2016 classification task, 3.03 % top-5 error on the test set
(ensemble). On validation ResNeXt-50 32x4d has a top-1 error of 22.2 % against ResNet-50's 23.9 %
(one 224-pixel crop); the paper gives no top-5 for the two networks here.

Source: Xie, Girshick, Dollar, Tu, He 2016, "Aggregated Residual Transformations for Deep Neural
    Networks", arXiv:1611.05431, table 1 and figure 3(c).
Begins: as `resnet`: convolutions He-normal (fan out), the last norm of a branch at scale 0, so that
    a fresh block passes its shortcut through (arXiv:1706.02677, section 5.1).
"""

from functools import partial

from torch import nn

from striate.nn import Residual, conv_norm
from striate.zoo._spec import ArchitectureSpec
from striate.zoo.resnet import resnet


def aggregated(paths: int, path_width: int, in_channels: int, width: int, stride: int) -> Residual:
    """1x1 narrows, 3x3 in `paths` groups strides, 1x1 widens to 4 * width.

    Args:
        path_width: channels of a path in the first stage, where `width` is 64.
    """
    inner = paths * path_width * width // 64
    branch = nn.Sequential(
        conv_norm(in_channels, inner, 1),
        conv_norm(inner, inner, 3, stride, groups=paths),
        conv_norm(inner, 4 * width, 1, act=None, gamma=0),
    )
    return Residual(branch, in_channels, 4 * width, stride)


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(resnet, partial(aggregated, *paths), depths),
        image_size=224,
        stride=32,
        params=params,
        year=2016,
        multiply_adds=work,
        receptive_field=field,
    )
    for name, paths, depths, params, work, field in [
        ("resnext50_32x4d", (32, 4), (3, 4, 6, 3), 25_028_904, 4_230_000_000, 427),
        ("resnext101_32x8d", (32, 8), (3, 4, 23, 3), 88_791_336, 16_410_000_000, 971),
    ]
)

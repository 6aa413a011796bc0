"""Feature pyramid networks: maps of every scale that all know what the deepest knows.

New: the maps that a classifier makes on its way down are fine but know little, or know much but are
coarse. A way back up mixes them: every level is the coarser level, enlarged, plus the backbone's
own map, so that objects of every size are found on maps of one kind at little cost.

In its day: with a ResNet-101 the best single detector on COCO, 36.2 % AP, by this alone.

Source: Lin, Dollár, Girshick, He, Hariharan, Belongie 2016, "Feature Pyramid Networks for Object
    Detection", arXiv:1612.03144, section 3 and figure 3; the level that is only pooled: section
    4.1, footnote 2.
Begins: uniform, of variance 1 / fan in; biases at 0.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ShapeError
from striate.nn import HeadedNetwork
from striate.zoo.pyramid import FeatureMaps

FINEST = 4  # stride of the finest level; maps at stride 2 cost too much memory


class FeaturePyramid(nn.Module):
    """A backbone's maps from stride 4 on, mixed from the deepest up, and one level pooled on top.

        level_i = smooth_i(inner_i),  inner_i = lateral_i(map_i) + enlarged(inner_{i+1})

    Shape: images [N, C, H, W] -> one [N, channels, H / strides[i], W / strides[i]] for each i, by
        the names "level2" for stride 4, "level3" for stride 8, and so on.
    Args:
        network: any network of the zoo whose features are maps; its weights are shared.
        channels: of every level.
        image_size: pixels, height = width, at which the strides are told apart.
    Raises:
        ShapeError: the features are no maps, or none of them is at stride 4 or deeper.
    """

    def __init__(self, network: HeadedNetwork, channels: int = 256, image_size: int = 224) -> None:
        super().__init__()
        self.backbone = FeatureMaps(network, image_size)
        every = zip(self.backbone.strides, self.backbone.channels, strict=True)
        deep = [(stride, width) for stride, width in every if stride >= FINEST]
        if not deep:
            raise ShapeError(
                "zoo-no-maps",
                f"FeaturePyramid: {network.name} has maps at the strides "
                f"{', '.join(map(str, self.backbone.strides))} only, and none at {FINEST}.",
                "Take a deeper network as the backbone.",
            )
        self.channels = channels
        self.strides = (*(stride for stride, _ in deep), 2 * deep[-1][0])
        self.names = tuple(f"level{stride.bit_length() - 1}" for stride in self.strides)
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for _, width in deep)
        self.smooth = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in deep)
        for conv in (*self.lateral, *self.smooth):
            nn.init.kaiming_uniform_(conv.weight, a=1)
            nn.init.zeros_(conv.bias)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.backbone(images)[-len(self.lateral) :]
        inner = [lateral(each) for lateral, each in zip(self.lateral, maps, strict=True)]
        for i in reversed(range(len(inner) - 1)):
            inner[i] = inner[i] + F.interpolate(inner[i + 1], size=inner[i].shape[-2:])
        levels = [smooth(each) for smooth, each in zip(self.smooth, inner, strict=True)]
        levels.append(F.max_pool2d(levels[-1], 1, stride=2))
        return OrderedDict(zip(self.names, levels, strict=True))

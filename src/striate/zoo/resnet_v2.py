"""Pre-activation residual networks, "v2": ResNet-50, 101 and 152.

New: norm and ReLU stand before each convolution, so that nothing but additions lies on the way
from block to block. Signals and gradients pass every block unchanged, and networks of a thousand
layers train (4.62 % on CIFAR-10 with 1001 layers). One norm and ReLU after the last block make up
for those that the blocks end without.

In its day, on ILSVRC validation (one 320-pixel crop): ResNet-152 v2 has a top-5 error of 5.5 %, as
before, and takes top-1 from 21.3 to 21.1 %; the gain grows with depth, 200 layers from 21.8 to
20.7 %. The paper has no figures for 50 and 101 layers.

Source: He, Zhang, Ren, Sun 2016, "Identity Mappings in Deep Residual Networks", arXiv:1603.05027,
    figure 4(e), table 5.
Differs: a bottleneck strides in its 3x3 convolution ("v1.5"), as most published weights do. Keras's
    ResNet50V2 is another network: it strides in the last block of a stage and has biases.
Begins: convolutions He-normal (fan out); norms at scale 1; the linear layer as torch does.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from striate.nn import Classifier, norm_conv, pooled_linear
from striate.zoo._spec import ArchitectureSpec


class PreActivation(nn.Module):
    """x + branch(relu(norm(x))); where the shape changes, a projection of relu(norm(x)) for x.

    Shape: [N, in_channels, H, W] -> [N, 4 * width, ceil(H / stride), ceil(W / stride)].
    """

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.channels = 4 * width
        self.norm, self.act = nn.BatchNorm2d(in_channels), nn.ReLU()
        self.branch = nn.Sequential(
            plain_conv(in_channels, width, 1),
            norm_conv(width, width, 3, stride),
            norm_conv(width, self.channels, 1),
        )
        self.shortcut: nn.Module | None = None
        if stride > 1 or in_channels != self.channels:
            self.shortcut = plain_conv(in_channels, self.channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        ready = self.act(self.norm(x))
        return self.branch(ready) + (x if self.shortcut is None else self.shortcut(ready))


def plain_conv(in_channels: int, channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution alone, He-normal, without bias."""
    border = kernel_size // 2
    conv = nn.Conv2d(in_channels, channels, kernel_size, stride, border, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def resnet_v2(depths: Sequence[int], classes: int, in_channels: int) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32."""
    features = nn.Sequential()
    stem = OrderedDict(conv=plain_conv(in_channels, 64, 7, 2), pool=nn.MaxPool2d(3, 2, padding=1))
    features.add_module("stem", nn.Sequential(stem))
    channels = 64
    for stage, depth in enumerate(depths):
        blocks = nn.Sequential()
        for i in range(depth):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(block := PreActivation(channels, 64 * 2**stage, stride))
            channels = block.channels
        features.add_module(f"stage{stage + 1}", blocks)
    features.add_module("norm", nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU()))
    return Classifier(features, pooled_linear(channels, classes))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(resnet_v2, depths),
        image_size=224,
        stride=32,
        params=params,
        year=2016,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, single model, 1 crop of 320 pixels" if top5 else "",
    )
    for name, depths, params, work, field, top5 in [
        ("resnet50_v2", (3, 4, 6, 3), 25_549_352, 4_089_000_000, 427, None),
        ("resnet101_v2", (3, 4, 23, 3), 44_541_480, 7_801_000_000, 971, None),
        ("resnet152_v2", (3, 8, 36, 3), 60_185_128, 11_514_000_000, 1451, 5.5),
    ]
)

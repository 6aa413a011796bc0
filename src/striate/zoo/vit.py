"""A small vision transformer, for comparison with convolutions: ViT-S/16.

New: an image is a row of words. Patches of 16 x 16 pixels, each made a vector by one linear layer,
and a learnt class token beside them, go through the plain transformer encoder of language models;
every token can look at every other from the first block on. Nothing but the patches and what is
learnt of their positions knows that there are two axes.

In its day: with 300 million images to learn from, the large one passed the best convolutional
networks on ImageNet. The small one has the size of a ResNet-50; from ImageNet alone it reached
79.8 % top-1 when taught with heavy augmentation (DeiT-S, which is the same network).

Source: Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", arXiv:2010.11929, eq. 1-4; the
    small size: Touvron et al. 2020, "Training data-efficient image transformers & distillation
    through attention", arXiv:2012.12877, table 1.
Differs: no hidden layer in the head, as in the paper's fine-tuning.
Begins: weights from a normal distribution of deviation 0.02 cut at 2, biases at 0, the class token
    near 0; the patches' layer as torch does.
"""

from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain import attention_maps as looks_of
from striate.nn import Added, Classifier, SelfAttention
from striate.nn.tokens import ClassToken, FirstToken, Patches, Position
from striate.shapes import Pair
from striate.zoo._spec import ArchitectureSpec

EPS = 1e-6  # of the normalisations
PATCH = 16  # pixels


def block(width: int, heads: int) -> nn.Sequential:
    """Self-attention, then two layers on every token alone; both are added to what came in."""
    look: OrderedDict[str, nn.Module] = OrderedDict(
        norm=nn.LayerNorm(width, EPS), attention=SelfAttention(width, heads)
    )
    think: OrderedDict[str, nn.Module] = OrderedDict(
        norm=nn.LayerNorm(width, EPS),
        widen=nn.Linear(width, 4 * width),
        act=nn.GELU(),
        narrow=nn.Linear(4 * width, width),
    )
    return nn.Sequential(*(Added(nn.Sequential(part), nn.Identity()) for part in (look, think)))


def vit(
    width: int, depth: int, heads: int, classes: int, in_channels: int, image_size: Pair
) -> Classifier:
    """Images [N, in_channels, H, W] of `image_size` -> logits [N, classes].

    The features are tokens [N, 1 + H / 16 * W / 16, width], the class token first.
    """
    patches = (image_size[0] // PATCH) * (image_size[1] // PATCH)
    stem: OrderedDict[str, nn.Module] = OrderedDict(
        patches=Patches(in_channels, width, PATCH, image_size),
        token=ClassToken(width),
        position=Position(1 + patches, width),
    )
    features = nn.Sequential(OrderedDict(stem=nn.Sequential(stem)))
    for i in range(depth):
        features.add_module(f"block{i + 1}", block(width, heads))
    features.add_module("norm", nn.LayerNorm(width, EPS))
    head = OrderedDict(token=FirstToken(), linear=nn.Linear(width, classes))
    network = Classifier(features, nn.Sequential(head))
    network.apply(_begin)
    return network


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def attention_maps(network: nn.Module, images: Tensor) -> Tensor:
    """How strongly the class token looks at each patch, in every block and head.

    Shape: images [N, C, H, W] -> [N, blocks, heads, H / 16, W / 16], each map 0..1 and less than
        1 in sum, for the token also looks at itself.
    Raises:
        UsageError: the network is no vision transformer of this file.
    """
    stem = next((m for m in network.modules() if isinstance(m, Patches)), None)
    if stem is None:
        raise UsageError(
            "zoo-no-attention",
            f"attention_maps: {type(network).__name__} has no tokens that look at one another.",
            'Make the network with zoo.create("vit_small_16").',
        )
    looks = torch.stack([look[:, :, 0, 1:] for look in looks_of(network, images).values()], dim=1)
    return looks.reshape(*looks.shape[:3], images.shape[2] // PATCH, images.shape[3] // PATCH)


FAMILY = (
    ArchitectureSpec(
        "vit_small_16",
        partial(vit, 384, 12, 6),
        image_size=224,
        stride=None,
        params=22_050_664,
        year=2020,
        multiply_adds=4_600_000_000,
        receptive_field=None,
        sized=True,
        smallest=16,
    ),
)

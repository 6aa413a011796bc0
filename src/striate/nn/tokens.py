"""An image as a row of tokens."""

import torch
from torch import Tensor, nn

from striate.errors import ShapeError
from striate.shapes import Pair


class Patches(nn.Module):
    """Each patch of the image as a token, row by row.

    Shape: [N, in_channels, H, W] -> [N, H / size * W / size, width].
    Raises:
        ShapeError: the images are not of `image_size`.
    """

    def __init__(self, in_channels: int, width: int, size: int, image_size: Pair) -> None:
        super().__init__()
        if any(side % size for side in image_size):
            near = [max(1, round(side / size)) * size for side in image_size]
            raise ShapeError(
                "zoo-no-whole-patches",
                f"Patches: height and width must be multiples of {size} pixels, "
                f"got {image_size[0]}×{image_size[1]}.",
                f"Nearest that fit: {near[0]}×{near[1]}.",
            )
        self.image_size = image_size
        self.conv = nn.Conv2d(in_channels, width, size, stride=size)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if (height, width) != self.image_size:
            raise ShapeError(
                "zoo-other-image-size",
                f"This network is made for images of {self.image_size[0]}×{self.image_size[1]} "
                f"pixels, as it learns their positions; got {height}×{width}.",
                "Resize the images, or give zoo.create the image_size.",
            )
        return self.conv(images).flatten(2).transpose(1, 2)


class ClassToken(nn.Module):
    """A learnt token before the others. Shape: [N, T, width] -> [N, 1 + T, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(1, 1, width), std=1e-6))

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(len(tokens), -1, -1), tokens], dim=1)


class Position(nn.Module):
    """Adds a learnt vector for each place. Shape: [N, tokens, width] -> the same."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, tokens, width), std=0.02))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.weight


class FirstToken(nn.Module):
    """The class token alone. Shape: [N, T, width] -> [N, width]."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]

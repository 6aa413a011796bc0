"""What a network's parts give, one after the other."""

from collections.abc import Iterator

from torch import Tensor, nn

from striate.nn.cell import CellChain


def maps_on_the_way(features: nn.Sequential, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What every part gives, by its name, in turn; the last is what the features give.

    Shape: images [N, C, H, W] -> maps [N, K, h, w] of each part.
    """
    if isinstance(features, CellChain):
        yield from features.outputs(images)
        return
    maps = images
    for name, part in features.named_children():
        yield name, (maps := part(maps))


class MapsOnTheWay(nn.Sequential):
    """Parts one after the other; gives what every one of them made, shallow to deep.

    Shape: [N, C, H, W] -> a tuple of maps, as many as there are parts.
    """

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(maps for _, maps in maps_on_the_way(self, images))

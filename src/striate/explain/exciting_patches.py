"""The patches of a data set that excite a channel most."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import as_maps, evaluating, uncompiled
from striate.explain._upto import up_to
from striate.explain.receptive_field import Box, Fields

MOST_CHANNELS = 16  # shown unless channels are named


class Exciting(NamedTuple):
    """For U channels the k images that excite each most, strongest first.

    Args:
        channels: [U].
        values: [U, k], the activation.
        images: integers [U, k], number of the image in the order in which they came.
        boxes: [U][k], the receptive field of the most excited position, cut at the image.
        patches: [U][k], the pixels in it, [C, h, w], as the network was given them.
    """

    channels: tuple[int, ...]
    values: Tensor
    images: Tensor
    boxes: list[list[Box]]
    patches: list[list[Tensor]]


@torch.no_grad()
def exciting_patches(
    network: nn.Module,
    images: Tensor | Iterable[Tensor],
    *,
    layer: str,
    channels: Sequence[int] | None = None,
    k: int = 9,
    unit: tuple[int, int] | None = None,
    fields: Fields | None = None,
    batch_size: int = 64,
) -> Exciting:
    """The patches that excite channels of a layer most, one patch an image.

    Images are seen once, a batch at a time; only the best are kept.

    Shape: images [N, C, H, W], or an iterable of such batches of one size.
    Args:
        layer: dotted name of a module that gives a map; the network does not run beyond it.
        channels: numbers of the channels; None: the first 16.
        k: patches a channel.
        unit: row and column, to look at one position of the map only.
        fields: what each position sees; None measures it, see `Fields`.
        batch_size: images at a time, where one tensor is given.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: there are no images, or the layer gives no map or has no such channel.
    Source: Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks",
        arXiv:1311.2901, figure 2; Girshick et al. 2014, arXiv:1311.2524, section 3.1.
    """
    network = uncompiled(network)
    batches = torch.split(images, batch_size) if isinstance(images, Tensor) else images
    best: _Best | None = None
    seen = 0
    for batch in batches:
        if not len(batch):
            continue
        with evaluating(network):
            maps = as_maps(up_to(network, batch.clone(), layer), layer)
        if best is None:
            chosen = _chosen(maps, channels, layer)
            fields = fields or Fields(network, batch, layer=layer)
            best = _Best(chosen, k, fields)
        values, places = _peaks(maps[:, list(best.channels)], unit, layer)
        best.take(batch, values, places, seen, maps.shape[3])
        seen += len(batch)
    if best is None:
        raise ExplainError(
            "explain-no-images", "exciting_patches: no images came.", "Pass at least one."
        )
    return best.found()


class _Best:
    """The best so far, of every channel."""

    def __init__(self, channels: tuple[int, ...], k: int, fields: Fields) -> None:
        self.channels, self.k, self.fields = channels, k, fields
        self.values = torch.empty(len(channels), 0)
        self.numbers = torch.empty(len(channels), 0, dtype=torch.int64)
        self.boxes: list[list[Box]] = [[] for _ in channels]
        self.patches: list[list[Tensor]] = [[] for _ in channels]

    def take(self, batch: Tensor, values: Tensor, places: Tensor, seen: int, width: int) -> None:
        """Values and places [n, U] of a batch; what was good and is no longer among k goes."""
        count, known = len(batch), self.values.shape[1]
        joined = torch.cat([self.values, values.float().cpu().T], dim=1)
        self.values, order = joined.topk(min(self.k, joined.shape[1]), dim=1)
        numbers = torch.cat(
            [self.numbers, torch.arange(seen, seen + count).expand(len(self.channels), -1)], dim=1
        )
        self.numbers = numbers.gather(1, order)
        where = places.cpu()
        for row, picked in enumerate(order.tolist()):
            boxes, patches = [], []
            for place in picked:
                if place < known:
                    boxes.append(self.boxes[row][place])
                    patches.append(self.patches[row][place])
                    continue
                box = self.fields(*divmod(int(where[place - known, row]), width))
                boxes.append(box)
                cut = batch[place - known, :, box.top : box.bottom, box.left : box.right]
                patches.append(cut.detach().cpu().clone())
            self.boxes[row], self.patches[row] = boxes, patches

    def found(self) -> Exciting:
        return Exciting(self.channels, self.values, self.numbers, self.boxes, self.patches)


def _chosen(maps: Tensor, channels: Sequence[int] | None, layer: str) -> tuple[int, ...]:
    known = maps.shape[1]
    chosen = tuple(range(min(known, MOST_CHANNELS)) if channels is None else channels)
    strange = [channel for channel in chosen if not 0 <= channel < known]
    if strange or not chosen:
        raise ExplainError(
            "explain-channel",
            f"Layer {layer!r} has channels 0 to {known - 1}, got {strange or 'none'}.",
            "Name channels by their numbers.",
        )
    return chosen


def _peaks(maps: Tensor, unit: tuple[int, int] | None, layer: str) -> tuple[Tensor, Tensor]:
    """The strongest value of every map and its place, row by row: [n, U] both."""
    rows, columns = maps.shape[2:]
    if unit is None:
        return maps.flatten(2).max(dim=2)
    if not (0 <= unit[0] < rows and 0 <= unit[1] < columns):
        raise ExplainError(
            "explain-position",
            f"Layer {layer!r} has {rows} × {columns} positions, got {unit}.",
            "Rows and columns count from 0.",
        )
    values = maps[:, :, unit[0], unit[1]]
    return values, torch.full(values.shape, unit[0] * columns + unit[1], dtype=torch.int64)

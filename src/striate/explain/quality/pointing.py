"""The pointing game: is the most relevant pixel on the object?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from striate.errors import ShapeError

Boxes = Tensor | Sequence[Tensor]


def pointing_game(maps: Tensor, boxes: Boxes, *, tolerance: float = 0.0) -> Tensor:
    """Whether the highest point of each map lies in a box of what is explained: 1 or 0.

    Where several pixels are the highest, the share of them that lies in a box: the chance that one
    of them, drawn at random, hits. A map that is the same everywhere points nowhere, and has 0.

    Shape: maps [N, H, W] -> [N], 0..1.
    Args:
        boxes: for each image [k, 4], or one tensor [N, 4] with a box each; xyxy in pixels, a pixel
            (row, column) covering column..column + 1 and row..row + 1.
        tolerance: pixels around a box that count as hits; the paper takes 15, in photographs of
            about 500.
    Raises:
        ShapeError: there are not as many lists of boxes as maps, or a box is not four numbers.
    Source: Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop",
        arXiv:1608.00507, section 4.1.

    >>> pointing_game(torch.eye(4)[None, :1].expand(1, 4, 4), torch.tensor([[0, 0, 1, 2]]))
    tensor([0.5000])
    """
    if maps.ndim != 3 or len(boxes) != len(maps):
        raise ShapeError(
            "explain-boxes",
            f"pointing_game: maps [N, H, W] and boxes for each are needed, got "
            f"{list(maps.shape)} and boxes for {len(boxes)}.",
            "Pass one tensor [k, 4] for every map.",
        )
    hits = [
        _hit(heat, torch.as_tensor(own), tolerance) for heat, own in zip(maps, boxes, strict=True)
    ]
    return torch.stack(hits) if hits else maps.new_zeros(0)


def _hit(heat: Tensor, boxes: Tensor, tolerance: float) -> Tensor:
    if boxes.shape[-1:] != (4,):
        raise ShapeError(
            "explain-boxes",
            f"pointing_game: a box is left, top, right and bottom, got {list(boxes.shape)}.",
            "Pass [k, 4].",
        )
    left, top, right, bottom = boxes.to(heat.device).reshape(-1, 4, 1, 1).double().unbind(1)
    rows = torch.arange(heat.shape[0], device=heat.device)[:, None] + 0.5  # middles of pixels
    columns = torch.arange(heat.shape[1], device=heat.device)[None, :] + 0.5
    in_rows = (rows > top - tolerance) & (rows < bottom + tolerance)  # [k, H, 1]
    in_columns = (columns > left - tolerance) & (columns < right + tolerance)  # [k, 1, W]
    inside = in_rows & in_columns
    highest = heat == heat.max()
    hit = (highest & inside.any(dim=0)).sum() / highest.sum().clamp_min(1)
    return (hit * (heat.min() < heat.max())).to(heat.dtype)

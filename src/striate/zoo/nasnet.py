"""NASNet-A, mobile and large: cells that were searched for, not designed.

New in it: a recurrent network, rewarded by accuracy on CIFAR-10, drew two small graphs: a normal
cell and a reduction cell of five sums of two operations each. Stacked with other widths and
depths they carried over to ImageNet. Every cell reads the outputs of the two before it.

Source: Zoph, Vasudevan, Shlens and Le 2017, "Learning Transferable Architectures for Scalable
    Image Recognition", arXiv:1707.07012, figure 4 (the cells), figure 2 and appendix A.
In its day: large 3.8 % top-5 error on the ILSVRC 2012 validation set, as low as any published, for
    28 % less arithmetic; mobile 8.4 %, the lowest of its size (tables 2 and 3).
Differs: the reduction cells pool maps with borders of zeros that count, as Keras does; the
    authors' code pools what exists. Drop-path grows with depth but not with time: to schedule it,
    set `rate` of the `DropPath` modules as training goes on. No auxiliary head. Batch norm keeps
    running statistics with torch's momentum of 0.1, not 0.0003. Keras counts these statistics
    among the weights: 5,326,716 and 88,949,818.
Weights begin as He et al. 2015 (arXiv:1502.01852) for ReLU.
"""

from collections.abc import Sequence
from functools import partial

from torch import nn

from striate.nn import Cell, CellChain, CellPlan, Classifier, Concatenated, conv_norm, pooled_linear
from striate.nn.cell import PRESENT, PREVIOUS, SUM1, SUM2, SUM3, SUM4, SUM5
from striate.nn.cell_operations import average, maximum, same, separable
from striate.zoo._spec import ArchitectureSpec

conv = partial(conv_norm, act=None, eps=1e-3)

NORMAL = CellPlan(
    stride=1,
    sums=(
        (separable(5), PRESENT, separable(3), PREVIOUS),
        (separable(5), PREVIOUS, separable(3), PREVIOUS),
        (average, PRESENT, same, PREVIOUS),
        (average, PREVIOUS, average, PREVIOUS),
        (separable(3), PRESENT, same, PRESENT),
    ),
    joined=(PREVIOUS, SUM1, SUM2, SUM3, SUM4, SUM5),
)
REDUCTION = CellPlan(
    stride=2,
    sums=(
        (separable(5), PRESENT, separable(7), PREVIOUS),
        (maximum, PRESENT, separable(7), PREVIOUS),
        (average, PRESENT, separable(5), PREVIOUS),
        (average, SUM1, same, SUM2),
        (separable(3), SUM1, maximum, PRESENT),
    ),
    joined=(SUM2, SUM3, SUM4, SUM5),
)


def fitted(in_channels: int, channels: int) -> nn.Sequential:
    """ReLU and a 1x1 convolution."""
    return nn.Sequential(nn.ReLU(), conv(in_channels, channels, 1))


def halved(in_channels: int, channels: int) -> nn.Sequential:
    """ReLU, then every second pixel, and those beside them, each to half of the channels."""
    paths = []
    for shift in (nn.Identity(), nn.ZeroPad2d((-1, 1, -1, 1))):
        narrow = nn.Conv2d(in_channels, channels // 2, 1, stride=2, bias=False)
        nn.init.kaiming_normal_(narrow.weight, mode="fan_out", nonlinearity="relu")
        paths.append(nn.Sequential(shift, narrow))
    return nn.Sequential(nn.ReLU(), Concatenated(paths), nn.BatchNorm2d(channels, eps=1e-3))


def stacked(
    layout: Sequence[tuple[str, CellPlan, int]], channels: int, drop_path: float, passes_over: bool
) -> dict[str, Cell]:
    """Cells by name, for a layout of (kind, plan, channels) over a stem of so many channels."""
    cells: dict[str, Cell] = {}
    present, previous = (channels, 0), (channels, 0)  # channels, and how often halved
    for number, (kind, plan, width) in enumerate(layout):
        adjust: nn.Module = nn.Identity()
        if previous[1] < present[1]:
            adjust = halved(previous[0], width)
        elif number > 0 and previous[0] != width:
            adjust = fitted(previous[0], width)
        name = f"{kind}{sum(known.startswith(kind) for known in cells) + 1}"
        cells[name] = cell = Cell(
            plan,
            fitted(present[0], width),
            adjust,
            width,
            previous_channels=None if number else channels,
            drop_path=drop_path * (number + 1) / len(layout),
            keeps_previous=passes_over and kind == "reduction",
        )
        previous = previous if cell.keeps_previous else present
        present = (len(plan.joined) * width, present[1] + plan.stride - 1)
    return cells


def nasnet(
    repeats: int,
    last_channels: int,
    stem_channels: int,
    drop_path: float,
    passes_over: bool,
    classes: int,
    in_channels: int,
) -> Classifier:
    """Images [N, in_channels, H, W] -> logits [N, classes]; the features end at stride 32.

    Args:
        repeats, last_channels: normal cells in a row, and channels at the end; the paper's N @ P.
        drop_path: fraction 0..1 for the last cell, rising from the first.
        passes_over: the cell after a reduction reads what came two before it.
    """
    width = last_channels // 24
    layout = [("stem", REDUCTION, width // 4), ("stem", REDUCTION, width // 2)]
    for stage in range(3):
        layout += [("reduction", REDUCTION, width * 2**stage)] * (stage > 0)
        layout += [("normal", NORMAL, width * 2**stage)] * repeats
    cells = stacked(layout, stem_channels, drop_path, passes_over)
    stem = conv(in_channels, stem_channels, 3, stride=2, padding=0)
    features = CellChain(stem, cells, nn.ReLU())
    return Classifier(features, pooled_linear(last_channels, classes, drop=0.5))


FAMILY = tuple(
    ArchitectureSpec(
        name,
        partial(nasnet, *own),
        image_size=size,
        stride=32,
        params=params,
        year=2017,
        multiply_adds=work,
        receptive_field=field,
        top5=top5,
        top5_of="validation, single model, 1 crop",
        smallest=3,
    )
    for name, own, size, params, work, field, top5 in [
        ("nasnet_a_mobile", (4, 1056, 32, 0.0, False), 224, 5_289_978, 564 * 10**6, 2407, 8.4),
        ("nasnet_a_large", (6, 4032, 96, 0.3, True), 331, 88_753_150, 23_800 * 10**6, 3303, 3.8),
    ]
)

"""Cells of summed pairs of operations, and chains in which each reads the two before it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from striate.nn.drop_path import DropPath

Operation = Callable[[int, int, int], nn.Module]  # (in_channels, channels, stride) -> module
PRESENT, PREVIOUS, SUM1, SUM2, SUM3, SUM4, SUM5 = range(7)  # the values that operations read


@dataclass(frozen=True)
class CellPlan:
    """A cell as a table: sums of two operations, each with the value it reads.

    Args:
        stride: pixels; of the operations on PRESENT and PREVIOUS.
        sums: (left, its value, right, its value); a sum is a value for those after it.
        joined: the values whose channels, one after the other, are the output.
    """

    stride: int
    sums: tuple[tuple[Operation, int, Operation, int], ...]
    joined: tuple[int, ...]


class Cell(nn.Module):
    """What a plan makes of the output before, PRESENT, and of the one before that, PREVIOUS.

    Shape: [N, C, H, W] and PREVIOUS -> [N, len(plan.joined) * channels, H / stride, W / stride].
    Args:
        present, previous: bring the two inputs to one size.
        channels: of every value; `previous_channels` of PREVIOUS where that is another number.
        drop_path: fraction 0..1 of the samples for which an operation gives nothing while
            training; one that gives its input as it is is never left out.
        keeps_previous: the cell after this one reads the PREVIOUS of this one again, not its
            PRESENT.
    Source: Zoph et al. 2017, "Learning Transferable Architectures for Scalable Image
        Recognition", arXiv:1707.07012, section 3.1.
    """

    def __init__(
        self,
        plan: CellPlan,
        present: nn.Module,
        previous: nn.Module,
        channels: int,
        *,
        previous_channels: int | None = None,
        drop_path: float = 0.0,
        keeps_previous: bool = False,
    ) -> None:
        super().__init__()
        self.present, self.previous = present, previous
        self.keeps_previous, self.joined = keeps_previous, plan.joined
        self.drop_path = DropPath(drop_path)
        self.reads = tuple((i, j) for _, i, _, j in plan.sums)

        def made(operation: Operation, value: int) -> nn.Module:
            width = previous_channels if value == PREVIOUS and previous_channels else channels
            return operation(width, channels, plan.stride if value <= PREVIOUS else 1)

        self.left = nn.ModuleList(made(left, i) for left, i, _, _ in plan.sums)
        self.right = nn.ModuleList(made(right, j) for _, _, right, j in plan.sums)

    def forward(self, present: Tensor, previous: Tensor) -> Tensor:
        values = [self.present(present), self.previous(previous)]
        for left, right, (i, j) in zip(self.left, self.right, self.reads, strict=True):
            values.append(self._done(left, values[i]) + self._done(right, values[j]))
        return torch.cat([values[i] for i in self.joined], dim=1)

    def _done(self, operation: nn.Module, value: Tensor) -> Tensor:
        if isinstance(operation, nn.Identity):
            return value
        return self.drop_path(operation(value))


class CellChain(nn.Sequential):
    """A stem, cells that read the two outputs before them, and an activation, all named.

    Shape: [N, C, H, W] -> what the last cell gives.
    """

    def __init__(self, stem: nn.Module, cells: Mapping[str, Cell], act: nn.Module) -> None:
        super().__init__()
        for name, part in {"stem": stem, **cells, "act": act}.items():
            self.add_module(name, part)

    def outputs(self, images: Tensor) -> Iterator[tuple[str, Tensor]]:
        """What every child gives, by its name, in turn."""
        present = previous = images
        for name, part in self.named_children():
            if not isinstance(part, Cell):
                present = previous = part(present)
            elif part.keeps_previous:
                present = part(present, previous)
            else:
                present, previous = part(present, previous), present
            yield name, present

    def forward(self, images: Tensor) -> Tensor:
        return [maps for _, maps in self.outputs(images)][-1]

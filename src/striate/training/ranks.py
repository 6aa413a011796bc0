"""Several processes that train one network together, and what they tell one another."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from striate.errors import StriateError, TrainingError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes of one training, as one of them sees them; all call the same in one order.

    Args:
        group: what connects them.
        rank: which of them this is, from 0. The first alone writes, tells and decides.
        count: how many they are.
    Raises:
        TrainingError: `train-process-lost`, from every method, where another of them has ended.
    """

    group: dist.ProcessGroup
    rank: int
    count: int

    @property
    def first(self) -> bool:
        return self.rank == 0

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, which all then have; any value that pickle takes."""
        made: list[Any] = [make() if self.first else None]
        with _telling_loss(self.count):
            dist.broadcast_object_list(made, group=self.group, group_src=0)
        return made[0]

    def gathered(self, value: T) -> list[T]:
        """Every process's value, in the order of their ranks."""
        found: list[Any] = [None] * self.count
        with _telling_loss(self.count):
            dist.all_gather_object(found, value, group=self.group)
        return found

    def any(self, flag: bool) -> bool:
        """Whether it is so for one of them at least."""
        return any(self.gathered(flag))

    def sum_(self, values: Tensor) -> Tensor:
        """Put the sum over the processes into a tensor, which is the same in all to the bit."""
        self.begin_sum(values)()
        return values

    def begin_sum(self, values: Tensor) -> Callable[[], None]:
        """Begin `sum_`, and go on meanwhile; calling what is given waits for its end."""
        with _telling_loss(self.count):
            work = dist.all_reduce(values, group=self.group, async_op=True)

        def wait() -> None:
            with _telling_loss(self.count):
                work.wait()

        return wait

    @torch.no_grad()
    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Put the first process's values into the tensors of all."""
        for tensor in tensors:
            plain = tensor.detach().contiguous()
            with _telling_loss(self.count):
                dist.broadcast(plain, group=self.group, group_src=0)
            tensor.copy_(plain)


def world_ranks() -> Ranks:
    """All processes of `torch.distributed`, after `init_process_group`."""
    world = dist.group.WORLD
    assert world is not None  # noqa: S101  the caller has initialised it
    return Ranks(world, dist.get_rank(), dist.get_world_size())


def from_first(ranks: Ranks | None, make: Callable[[], T]) -> T:
    """What the first process makes; of one process what it makes itself."""
    return make() if ranks is None else ranks.from_first(make)


@contextmanager
def _telling_loss(count: int) -> Iterator[None]:
    """What torch raises when a connection breaks, as an error for people."""
    try:
        yield
    except StriateError:
        raise
    except RuntimeError as error:
        reason = _in_short(str(error) or type(error).__name__)
        raise TrainingError(
            "train-process-lost",
            f"Another of the {count} processes of this training has ended or cannot be reached: "
            f"{reason}.",
            "What was saved is whole: start all of them again with --resume.",
        ) from error


def _in_short(reason: str) -> str:
    """Without the source line that it begins with, and without what follows its first sentence."""
    line = reason.splitlines()[0]
    return re.sub(r"^\[[^]]*\] *", "", line).partition(". ")[0].rstrip(".")

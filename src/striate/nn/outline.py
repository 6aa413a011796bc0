"""Networks without memory for their weights: to count, compare, check and fill later."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWS = (Tensor.normal_, Tensor.uniform_)


@contextmanager
def outline() -> Iterator[None]:
    """Modules made inside have shapes, on torch's meta device, and nothing is drawn for them.

    Drawing nothing matters: the first random number on that device makes torch import its
    compiler, which takes longer than the rest of reading a model.

    >>> with outline():
    ...     nn.Linear(10_000, 10_000).weight.is_meta
    True
    """
    with torch.device("meta"), _NothingDrawn():
        yield


class _NothingDrawn(TorchFunctionMode):
    """First weights are left as they are."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        if function in DRAWS or getattr(function, "__module__", "") == nn.init.__name__:
            return args[0] if args else given["tensor"]
        return function(*args, **given)

"""Answers to occluded images, computed only where the occluder can have changed something.

The network runs as it is, on a tensor that knows which rectangle of it has changed. Convolutions,
poolings and pointwise operations compute that rectangle and the border that it reaches, and take
the rest from one clean run; whatever else a network does gets the whole maps, put together. So
nothing needs to be known of the network beforehand: where its structure is strange, only time is
lost.

Source: Nakandala et al. 2019, "Incremental and Approximate Inference for Faster Occlusion-based
    Deep CNN Explanations", SIGMOD, section 3 (the exact part).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.explain._local import IN_PLACE, POINTWISE, WINDOWED
from striate.explain._regions import Integers, Pair, Regions, paste, patches

WORTH = 0.75  # of a map; a larger patch costs as much as all of it (benchmarks/NOTES.md)
METADATA = {"size", "dim", "numel", "ndimension", "is_floating_point", "is_complex", "__len__"}


class Known:
    """What the clean run has left: the maps that windows read, by the number of the operation."""

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self.images = images  # [n, C, H, W]
        self.constants = {id(t) for t in [*network.parameters(), *network.buffers()]}
        self.numbers: dict[object, int] = {}
        self.sizes: dict[int, Pair] = {}
        self.clean: dict[int, Tensor] = {0: images}


class Reuse:
    """Runs a network on images with one rectangle each replaced.

    Args:
        network: in eval mode; is run under the caller's gradient mode.
        images: [n, C, H, W].
        boxes: [M, 4], top, left, bottom, right of every occluder.
    """

    def __init__(self, network: nn.Module, images: Tensor, boxes: Integers) -> None:
        self.network, self.boxes = network, boxes
        self.known = Known(network, images)
        run = Run(self.known, self._regions(boxes), copies=1, recording=True)
        _put_together(network(Changed(run, 0, run.regions, images)))

    def __call__(self, numbers: Integers, replacement: Tensor) -> Any:
        """The network's output for k occluders, change by change, [k * n, …]."""
        boxes, images = self.boxes[numbers], self.known.images
        run = Run(self.known, self._regions(boxes), copies=len(boxes), recording=False)
        patch = occluded(images, boxes, replacement, run.regions)
        return _put_together(self.network(Changed(run, 0, run.regions, patch)))

    def _regions(self, boxes: Integers) -> Regions:
        height, width = self.known.images.shape[2:]
        return Regions(boxes[:, :2], boxes[:, 2:], (height, width))


def occluded(images: Tensor, boxes: Integers, replacement: Tensor, regions: Regions) -> Tensor:
    """Patches over the regions, with the boxes replaced, [k * n, C, rows, columns]."""
    patch = patches(images, regions.corners, regions.extent)
    many = len(images)
    for number, (top, left, bottom, right) in enumerate(boxes.tolist()):
        paste(
            patch[number * many : (number + 1) * many],
            regions.corners[number].tolist(),
            replacement[:, :, top:bottom, left:right],
            [top, left],
        )
    return patch


class Run:
    """One pass: clean, when maps are recorded, or over k changed copies, when they are reused."""

    def __init__(self, known: Known, regions: Regions, copies: int, recording: bool) -> None:
        self.known, self.regions = known, regions
        self.copies, self.recording = copies, recording
        self.met: Counter[object] = Counter()

    def local(self, operation: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """The changed output of an operation that is understood; None of any other."""
        inputs = [t for t in _tensors((args, kwargs)) if isinstance(t, Changed)]
        if any(t.opened for t in inputs) or not self._constant(args, kwargs):
            return None
        if operation in WINDOWED:
            return self._windowed(operation, args, kwargs)
        if operation is torch.cat and (args[1:] or tuple(kwargs.values())) in [(1,), (-3,)]:
            whole_list = len(inputs) == len(args[0])
            return self._pointwise(operation, inputs, args, kwargs) if whole_list else None
        if operation is F.batch_norm and kwargs.get("training") is False:
            return self._pointwise(operation, inputs, args, kwargs)
        if operation is F.dropout and kwargs.get("training") is False:
            return args[0]
        if not all(_the_same_everywhere(t) for t in _tensors((args, kwargs))):
            return None
        if operation in IN_PLACE:
            out = self._pointwise(IN_PLACE[operation], inputs, args, kwargs)
            return args[0].becomes(out) if out is not None else None
        if operation in POINTWISE:
            in_place = kwargs.get("inplace", False)
            kwargs = {name: value for name, value in kwargs.items() if name != "inplace"}
            out = self._pointwise(operation, inputs, args, kwargs)
            return args[0].becomes(out) if in_place and out is not None else out
        return None

    def _windowed(self, operation: Callable[..., Any], args: Any, kwargs: Any) -> "Changed | None":
        source, rule = args[0], WINDOWED[operation](*args, **kwargs)
        if rule is None or not isinstance(source, Changed) or source.ndim != 4:
            return None
        number = self._number(operation, args, kwargs)
        if self.recording:
            self.known.clean[source.number] = source.tensor
            out = operation(source.tensor, *args[1:], **kwargs)
            size = (out.shape[2], out.shape[3])
            return self._recorded(number, out, source.regions.through(rule.window, size))
        if number is None:
            return None
        regions = source.regions.through(rule.window, self.known.sizes[number])
        if regions.share > WORTH:
            return None
        stride, padding = np.array(rule.window.stride), np.array(rule.window.padding)
        reached = (np.array(regions.extent) - 1) * stride + rule.window.reach + 1
        cut = source.cut(regions.corners * stride - padding, reached, rule.outside)
        return Changed(self, number, regions, rule.compute(cut))

    def _pointwise(
        self, operation: Callable[..., Any], inputs: list["Changed"], args: Any, kwargs: Any
    ) -> "Changed | None":
        size = inputs[0].regions.size
        if any(t.ndim != 4 or t.regions.size != size for t in inputs):
            return None  # broadcast maps
        number, regions = self._number(operation, args, kwargs), inputs[0].regions
        for other in inputs[1:]:
            regions = regions.joined(other.regions)
        if self.recording:
            grown = (t for t in inputs if not t.regions.same_as(regions))
            self.known.clean.update((t.number, t.tensor) for t in grown)
            plain = _replaced((args, kwargs), lambda t: t.tensor)
            return self._recorded(number, operation(*plain[0], **plain[1]), regions)
        if number is None or regions.share > WORTH:
            return None
        plain = _replaced((args, kwargs), lambda t: t.over(regions))
        return Changed(self, number, regions, operation(*plain[0], **plain[1]))

    def _recorded(self, number: int | None, out: Tensor, regions: Regions) -> Any:
        """A tensor to go on with, or, where every change has grown over the map, the plain one."""
        if number is None or regions.smallest_share > WORTH:
            return out
        self.known.sizes[number] = regions.size
        return Changed(self, number, regions, out)

    def _number(self, operation: Callable[..., Any], args: Any, kwargs: Any) -> int | None:
        """Of this very operation on these very inputs; None: the clean run did not meet it."""
        called = (operation, _frozen_key(args), _frozen_key(kwargs))
        self.met[called] += 1
        key = (called, self.met[called])
        if self.recording:
            return self.known.numbers.setdefault(key, len(self.known.numbers) + 1)
        return self.known.numbers.get(key)

    def _constant(self, args: Any, kwargs: Any) -> bool:
        """Whether all tensors that have not changed are the network's own."""
        others = (t for t in _tensors((args, kwargs)) if not isinstance(t, Changed))
        return all(id(t) in self.known.constants for t in others)


class Changed(Tensor):
    """k times n maps of which one rectangle each has changed; torch is told where it is.

    Args:
        number: of the operation that gave it.
        regions: where it may differ from the clean maps: one rectangle for each of k changes.
        tensor: over these regions, [k * n, C, rows, columns]; in the clean run all of it.
    """

    run: Run
    number: int
    regions: Regions
    tensor: Tensor
    opened: bool  # put together; no longer followed

    @staticmethod
    def __new__(cls, run: Run, number: int, regions: Regions, tensor: Tensor) -> "Changed":
        shape = (*tensor.shape[:2], *regions.size)
        made = Tensor._make_wrapper_subclass(cls, shape, dtype=tensor.dtype, device=tensor.device)
        made.run, made.number, made.regions, made.tensor = run, number, regions, tensor
        made.opened = False
        return made

    def __init__(self, *_: object) -> None: ...

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if getattr(func, "__name__", "") == "__get__" or func.__name__ in METADATA:
                return func(*args, **kwargs)
            run = next(t for t in _tensors((args, kwargs)) if isinstance(t, Changed)).run
            out = run.local(func, args, kwargs)
            if out is None:
                args, kwargs = _put_together((args, kwargs))
                out = func(*args, **kwargs)
            return out

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # as torch calls it
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise NotImplementedError(f"{func} would read the memory of a tensor that has none")

    def whole(self) -> Tensor:
        """All maps put together, [k * n, C, H, W]; from now on this tensor is that one."""
        if not self.opened:
            known, self.opened = self.run.known, True
            if self.run.recording:
                known.clean[self.number] = self.tensor
                self.tensor = self.tensor.clone()  # it may be changed in place
            else:
                clean = known.clean[self.number]
                everywhere = np.zeros_like(self.regions.starts)
                self.tensor = self.cut(everywhere, clean.shape[2:], 0.0)
        return self.tensor

    def cut(self, corners: Integers, extent: Any, outside: float) -> Tensor:
        """Patches of the changed maps, wherever they are wanted."""
        clean = self.run.known.clean[self.number]
        extent = (int(extent[0]), int(extent[1]))
        return patches(clean, corners, extent, outside, (self.tensor, self.regions.corners))

    def over(self, regions: Regions) -> Tensor:
        """The changed maps over these regions."""
        if regions.same_as(self.regions):
            return self.tensor
        return self.cut(regions.corners, regions.extent, 0.0)

    def becomes(self, other: Any) -> "Changed":
        """What an operation in place has made of it."""
        if isinstance(other, Changed):
            self.number, self.regions, self.tensor = other.number, other.regions, other.tensor
        else:
            self.tensor, self.opened = other, True
        return self


def _the_same_everywhere(tensor: Tensor) -> bool:
    """Whether it means the same for every place of a map; a learned map does not."""
    return isinstance(tensor, Changed) or tensor.numel() == 1 or tensor.shape[-2:] == (1, 1)


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, list | tuple):
        for branch in tree:
            yield from _tensors(branch)
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))


def _replaced(tree: Any, by: Callable[[Changed], Tensor]) -> Any:
    if isinstance(tree, Changed):
        return by(tree)
    if type(tree) in (list, tuple):
        return type(tree)(_replaced(branch, by) for branch in tree)
    if isinstance(tree, dict):
        return {key: _replaced(branch, by) for key, branch in tree.items()}
    return tree


def _put_together(tree: Any) -> Any:
    return _replaced(tree, lambda changed: changed.whole())


def _frozen_key(tree: Any) -> object:
    """Arguments as a key: tensors by the operation that gave them or by identity."""
    if isinstance(tree, Changed):
        return ("changed", tree.number)
    if isinstance(tree, Tensor):
        return ("constant", id(tree))
    if isinstance(tree, list | tuple):
        return tuple(_frozen_key(branch) for branch in tree)
    if isinstance(tree, dict):
        return tuple((key, _frozen_key(branch)) for key, branch in tree.items())
    return tree

"""DeepLIFT's multipliers, one rule per kind of operation.

With x' and y' for the baseline: the shares of an operation's inputs, each the multiplier of y
times that of the rule, so that multiplier * (x - x') adds up to the multiplier of y * (y - y').
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from striate.explain import _operations as kinds
from striate.explain._tape import Step, pulled_back

aten = torch.ops.aten
Shares = list[tuple[Tensor, Tensor]]  # (tensor, its multiplier)


@dataclass(frozen=True, eq=False)
class Case:
    """One step that ran for an image and for its baseline.

    Args:
        step, twin: as it ran for the images and for the baselines.
        live: what it was given that hangs on the images, and
        references: the same for the baselines.
        given: the multipliers of its outputs.
    """

    step: Step
    twin: Step
    live: list[Tensor]
    references: list[Tensor]
    given: list[Tensor | None]

    @property
    def single(self) -> bool:
        """One tensor hangs on the images, the first argument, and one output on it."""
        alone = len(self.live) == 1 and self.live[0] is self.step.args[0]
        return alone and self.given[0] is not None

    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """x, x' and the multiplier of y."""
        (given, *_), (x,), (reference,) = self.given, self.live, self.references
        assert given is not None  # noqa: S101 - `single` was asked
        return x, reference, given


def multilinear(case: Case) -> Shares:
    """The gradient half way between baseline and image: exact where at most two factors change."""
    pairs = zip(case.live, case.references, strict=True)
    return pulled_back(case.step, case.given, {id(x): (x + other) / 2 for x, other in pairs})


def rescaled(case: Case) -> Shares:
    """(y - y') / (x - x'), and where x = x' the derivative; for every number alone."""
    x, reference, given = case.parts()
    rise = case.step.outputs[0] - case.twin.outputs[0]
    ((_, derivative),) = pulled_back(case.step, case.given, {id(x): x})
    return [(x, _over(given * rise, x - reference, derivative))]


def quotient(case: Case) -> Shares:
    """x * u with u = 1 / y, rescaled."""
    (given, *_) = case.given
    assert given is not None  # noqa: S101 - div has one output
    of = {id(x): (x, other) for x, other in zip(case.live, case.references, strict=True)}
    x, y = case.step.args[:2]
    x, x0 = of.get(id(x), (x, x))
    y, y0 = of.get(id(y), (y, y))
    shares = []
    if id(x) in of:
        shares.append((x, _summed_to((given * (1 / y + 1 / y0) / 2), x)))
    if id(y) in of:
        shares.append((y, _summed_to(-given * (x + x0) / 2 / (y * y0), y)))
    return shares


def maximum(case: Case) -> Shares:
    """The rise above the larger of y and y' to the largest x, the rest to the largest x'."""
    x, reference, given = case.parts()
    (y, places), (y0, places0) = case.step.outputs, case.twin.outputs
    larger = torch.maximum(y, y0)
    flat = torch.zeros_like(x).flatten(2)
    risen = flat.scatter_add(2, places.flatten(2), (given * (larger - y0)).flatten(2))
    risen = risen.scatter_add(2, places0.flatten(2), (given * (y - larger)).flatten(2))
    gradient = flat.scatter_add(2, places.flatten(2), given.flatten(2))
    return [(x, _over(risen.view_as(x), x - reference, gradient.view_as(x)))]


def softmax(case: Case) -> Shares:
    """e^x * (1 / sum e^x): a product, a root and a sum, each by its rule."""
    (x, reference, given), axis = case.parts(), case.step.args[1]
    e, e0, multiplier = _exponentials(x, reference, axis)
    total, total0 = e.sum(axis, keepdim=True), e0.sum(axis, keepdim=True)
    of_inverse = (given * (e + e0) / 2).sum(axis, keepdim=True)
    of_total = -of_inverse / (total * total0)
    return [(x, (given * (1 / total + 1 / total0) / 2 + of_total) * multiplier)]


def log_softmax(case: Case) -> Shares:
    """x - log(sum e^x), as softmax."""
    (x, reference, given), axis = case.parts(), case.step.args[1]
    e, e0, multiplier = _exponentials(x, reference, axis)
    total, total0 = e.sum(axis, keepdim=True), e0.sum(axis, keepdim=True)
    slope = _over(torch.log(total) - torch.log(total0), total - total0, 1 / total)
    return [(x, given - given.sum(axis, keepdim=True) * slope * multiplier)]


def layer_norm(case: Case) -> Shares:
    (x, reference, given), (shape, weight, _, eps) = case.parts(), case.step.args[1:5]
    scaled = given if weight is None else given * weight
    return [(x, _normalised(x, reference, scaled, tuple(range(-len(shape), 0)), eps))]


def group_norm(case: Case) -> Shares:
    x, reference, given = case.parts()
    weight, groups, eps = case.step.args[1], case.step.args[6], case.step.args[7]
    scaled = given if weight is None else given * weight.view(1, -1, *(1,) * (x.ndim - 2))
    shape = (len(x), groups, -1)
    found = _normalised(
        x.reshape(shape), reference.reshape(shape), scaled.reshape(shape), (2,), eps
    )
    return [(x, found.reshape(x.shape))]


def _normalised(
    x: Tensor, reference: Tensor, given: Tensor, axes: tuple[int, ...], eps: float
) -> Tensor:
    """(x - mean) * root with root = 1 / sqrt(spread + eps) and spread = mean((x - mean)^2).

    A product, of which one order of change is weighted by spread / (spread + spread'), the other by
    the rest: exact with any weights, and with these a baseline without spread, whose root is
    nearly infinite, does no harm.
    """
    centred, centred0 = x - x.mean(axes, True), reference - reference.mean(axes, True)
    spread, spread0 = centred.square().mean(axes, True), centred0.square().mean(axes, True)
    root, root0 = (spread + eps).rsqrt(), (spread0 + eps).rsqrt()
    weight = (spread + eps) / (spread + spread0 + 2 * eps)
    of_root = (given * (weight * centred0 + (1 - weight) * centred)).sum(axes, True)
    # (root - root') / (spread - spread'), without a difference in it
    of_spread = -of_root * root * root0 * root * root0 / (root + root0)
    count = centred.numel() / spread.numel()
    of_centred = given * (weight * root + (1 - weight) * root0)
    of_centred = of_centred + of_spread * (centred + centred0) / count
    return of_centred - of_centred.mean(axes, True)


def _exponentials(x: Tensor, reference: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """e^x and e^x', both made smaller by the same factor, and the multiplier from x to e^x."""
    largest = torch.maximum(x, reference).amax(axis, keepdim=True)
    e, e0 = (x - largest).exp(), (reference - largest).exp()
    return e, e0, _over(e - e0, x - reference, e)


def _over(rise: Tensor, run: Tensor, limit: Tensor) -> Tensor:
    """rise / run, and the limit where nothing runs."""
    still = run.abs() < max(1e-10, 8 * torch.finfo(run.dtype).eps)
    return torch.where(still, limit, rise / torch.where(still, torch.ones_like(run), run))


def _summed_to(share: Tensor, tensor: Tensor) -> Tensor:
    return share.sum_to_size(tensor.shape)


RULES: dict[object, Callable[[Case], Shares]] = {
    **dict.fromkeys(
        kinds.MOVES | kinds.SUMS | kinds.ADDITIONS | kinds.PRODUCTS | kinds.BATCH_NORMS, multilinear
    ),
    aten.div: quotient,
}
SINGLE: dict[object, Callable[[Case], Shares]] = {
    **dict.fromkeys(kinds.POINTWISE, rescaled),
    **dict.fromkeys(kinds.MAXIMA, maximum),
    **dict.fromkeys(kinds.SOFTMAXES, softmax),
    aten._log_softmax: log_softmax,
    aten.native_layer_norm: layer_norm,
    aten.native_group_norm: group_norm,
}

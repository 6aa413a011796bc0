"""Which parts of a network do their work: dead and saturated units, scales, filters alike."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from striate.errors import ExplainError, UsageError
from striate.explain._hooks import uncompiled
from striate.explain._score import Score, per_image
from striate.explain._tape import Step
from striate.explain._units import Units, kind_of
from striate.explain._watch import watching_operations

ALIKE = 0.95  # cosine from which two filters count as the same
Loss = Callable[[Any, Any], Tensor]  # (output, labels) -> a number


@dataclass(frozen=True)
class LayerHealth:
    """One layer with weights or one activation, over all images.

    Args:
        name: of the module it ran in; of its second run in one answer "… (run 2)".
        kind: relu, sigmoid, convolution, linear …
        units: channels of maps, features of vectors.
        mean, deviation: of all its outputs.
        dead: units that were never above 0, of a ReLU or ReLU6; None for other kinds.
        saturated: units that were within 1 % of an end of their range at 95 % of all places, of a
            sigmoid, tanh or their like; of a ReLU6 the upper end. None for other kinds.
        gradient: length of the gradient of its weights, mean over the batches; None without.
        alike: filters that have another with a cosine above 0.95; None without weights.
        nearest: the largest cosine of two of its filters; None with less than two.
    """

    name: str
    kind: str
    units: int
    mean: float
    deviation: float
    dead: int | None = None
    saturated: int | None = None
    gradient: float | None = None
    alike: int | None = None
    nearest: float | None = None


@dataclass(frozen=True)
class Health:
    """The layers in the order they run, over `images` images."""

    layers: tuple[LayerHealth, ...]
    images: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        from striate.explain._health_table import text

        return text(self)

    def print(self) -> None:
        """Show the table on standard output."""
        from striate.explain._health_table import show

        show(self)


def health(
    network: nn.Module,
    batches: Iterable[Tensor | tuple[Tensor, Any]],
    *,
    score: Score | None = None,
    loss: Loss | None = None,
) -> Health:
    """What every layer of a network does over a data set, in one pass and constant memory.

    Seen operation by operation, so functional and in-place activations count like modules.

    Args:
        batches: images [N, C, H, W], or pairs of images and labels.
        score: asks for the gradients of its mean over a batch with respect to the weights; or
        loss: asks for those of loss(output, labels).
    Raises:
        ExplainError: no images came.
        UsageError: a loss without labels, or both score and loss.
    Source: dead ReLUs: Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network
        Acoustic Models", section 2; saturation and scales per layer: Glorot & Bengio 2010,
        "Understanding the difficulty of training deep feedforward neural networks", section 3-4.
    """
    if score is not None and loss is not None:
        raise UsageError("explain-option", "health: score and loss were given.", "Give one.")
    network = uncompiled(network)
    seen: dict[tuple[str, str], Units] = {}
    lengths: dict[str, list[Tensor]] = {}
    count = 0
    for batch in batches:
        images, labels = batch if isinstance(batch, tuple | list) else (batch, None)
        if not len(images):
            continue
        if loss is not None and labels is None:
            raise UsageError(
                "explain-option",
                "health: a loss needs labels, and a batch came without.",
                "Give pairs of images and labels, or a score.",
            )
        count += len(images)
        for name, gradient in _run(network, images, labels, score, loss, seen).items():
            lengths.setdefault(name, []).append(gradient)
    if not count:
        raise ExplainError("explain-no-images", "health: no images came.", "Pass at least one.")
    modules = dict(network.named_modules())
    return Health(tuple(_layer(units, modules, lengths) for units in seen.values()), count)


def _run(
    network: nn.Module,
    images: Tensor,
    labels: Any,
    score: Score | None,
    loss: Loss | None,
    seen: dict[tuple[str, str], Units],
) -> dict[str, Tensor]:
    """Add one batch to what was seen; the lengths of the gradients, by the names of the weights."""
    runs: dict[tuple[str, str], int] = {}
    dense = False

    def look(step: Step, name: str) -> None:
        nonlocal dense
        kind = kind_of(step)
        if kind is None:
            return
        dense = kind == "linear" if kind in ("linear", "convolution") else dense
        runs[name, kind] = run = runs.get((name, kind), 0) + 1
        shown = name if run == 1 else f"{name} (run {run})"
        units = seen.setdefault((shown, kind), Units(shown, name, kind))
        units.add(step.outputs[0].detach(), dense)

    wanted = score is not None or loss is not None
    with torch.inference_mode(False), torch.set_grad_enabled(wanted):
        images = images.clone()  # the first layer may work in place
        weights = {
            name: (weight.clone() if weight.is_inference() else weight.detach()).requires_grad_(
                wanted
            )
            for name, weight in network.named_parameters()
            if weight.is_floating_point()
        }
        with watching_operations(network, look):
            output = functional_call(network, weights, (images,))
        if loss is not None:
            total = loss(output, labels)
        elif score is not None:
            total = per_image(score, output, len(images)).mean()
        else:
            return {}
        gradients = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    found = zip(weights, gradients, strict=True)
    return {name: g.norm() for name, g in found if g is not None}


def _layer(
    units: Units, modules: dict[str, nn.Module], lengths: dict[str, list[Tensor]]
) -> LayerHealth:
    mean, deviation, dead, saturated = units.summary()
    row = LayerHealth(units.name, units.kind, units.units, mean, deviation, dead, saturated)
    weight = getattr(modules.get(units.module), "weight", None)
    if units.kind not in ("convolution", "linear") or not isinstance(weight, Tensor):
        return row
    known = lengths.get(f"{units.module}.weight".lstrip("."))
    alike, nearest = filters_alike(weight)
    return LayerHealth(
        **{
            **asdict(row),
            "gradient": None if known is None else float(torch.stack(known).mean()),
            "alike": alike,
            "nearest": nearest,
        }
    )


@torch.no_grad()
def filters_alike(weight: Tensor) -> tuple[int, float | None]:
    """How many filters have a near twin, and the largest cosine of two filters.

    Filters of zeros are like none. A filter's scale does not matter, its sign does.

    >>> filters_alike(torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]]))[0]
    2
    """
    filters = F.normalize(weight.detach().flatten(1).float(), dim=1)
    if len(filters) < 2:
        return 0, None
    nearest = []
    for start in range(0, len(filters), 512):
        cosines = filters[start : start + 512] @ filters.T
        rows = torch.arange(len(cosines), device=cosines.device)
        cosines[rows, rows + start] = -1.0
        nearest.append(cosines.amax(dim=1))
    closest = torch.cat(nearest)
    return int((closest > ALIKE).sum()), float(closest.max())

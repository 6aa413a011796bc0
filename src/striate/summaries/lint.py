"""What in a network wastes pixels or weights or hides a mistake, each with the smallest fix."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from striate.shapes import Pair, pair, written
from striate.summaries.sight import Sight
from striate.summaries.trace import Seen, Step, Trace
from striate.summaries.windows import Window

Takes = Literal["logits", "probabilities"]

MANY_WEIGHTS = 100_000  # below, a dense layer may hold most of them and costs next to nothing
MEANS = {"mean", "sum", "amax", "avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d"}
SQUASHING = {"_softmax": "softmax", "_log_softmax": "log-softmax", "sigmoid": "sigmoid"}


@dataclass(frozen=True)
class Advice:
    """A stable code, the module, what was seen and the smallest change that mends it."""

    code: str
    layer: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.what} {self.fix}"


def advice(
    trace: Trace, weights: int, *, object_size: int | Pair | None, loss_takes: Takes
) -> tuple[Advice, ...]:
    """Everything that is wrong with a network that ran.

    Args:
        weights: of the whole network.
        object_size: pixels, or (height, width), that one output should see; None is the image.
        loss_takes: what the loss expects from the last layer.
    """
    found = [*unread_pixels(trace), *maps_used_up(trace), *useless_biases(trace)]
    found += narrow_fields(trace, object_size)
    found += heavy_dense_layers(trace, weights)
    if loss_takes == "logits":
        found += squashed_logits(trace)
    return tuple(found)


def unread_pixels(trace: Trace) -> Iterator[Advice]:
    """Rows and columns of a map that no module reads, because the last step would overshoot."""
    for seen in _tensors(trace):
        if seen.gap is None or not any(seen.gap.values()) or seen.reader is None:
            continue
        size = seen.tensor.shape[2:]
        lines = [len(seen.gap.get(dim, ())) for dim in range(2, seen.tensor.ndim)]
        if len(lines) == 2:
            said = f"{_counted(lines[0], 'row')} and {_counted(lines[1], 'column')}"
        else:
            said = " and ".join(_counted(number, "step") for number in lines)
        noun = "pixels" if len(lines) > 1 else "steps"
        yield Advice(
            "summary-pixels-never-read",
            seen.reader.name,
            f"{said} of its input of {written(size) if len(size) > 1 else size[0]} {noun} "
            "are never read.",
            'Use padding="same", or a size, kernel and stride that divide evenly.',
        )


def maps_used_up(trace: Trace) -> Iterator[Advice]:
    """Windows over a map of one pixel, which see nothing but padding around it."""
    for step in trace.steps:
        windows = [w for w in step.windows or () if isinstance(w, Window)]
        sizes = step.inputs[0].tensor.shape[-len(windows) :] if windows else ()
        if not windows or prod(sizes) > 1 or max(w.kernel for w in windows) == 1:
            continue
        kernel = written(tuple(w.kernel for w in windows))
        yield Advice(
            "summary-map-used-up",
            step.visit.name if step.visit else "(itself)",
            f"its input has been pooled to one pixel; of its window of {kernel} all but that one "
            "fall on padding.",
            "Leave out a stride or a pooling before it, or take larger images.",
        )


def useless_biases(trace: Trace) -> Iterator[Advice]:
    """Biases that the batch normalisation right after them subtracts again."""
    for visit in trace.visits:
        if not isinstance(visit.module, _BatchNorm) or not visit.inputs:
            continue
        before = visit.inputs[0].producer
        if before and isinstance(before.module, _ConvNd | nn.Linear):
            bias = before.module.bias
            if bias is not None:
                yield Advice(
                    "summary-bias-before-norm",
                    before.name,
                    f"its {bias.numel()} biases have no effect: {visit.name} subtracts the mean "
                    "of every channel.",
                    "Use use_bias=False (in torch: bias=False).",
                )


def narrow_fields(trace: Trace, object_size: int | Pair | None) -> Iterator[Advice]:
    """The last map sees less than what it should know, and no dense layer puts its parts together.

    A mean over the map does not: it counts the parts, wherever they are.
    """
    last = _last_map(trace)
    image = trace.images[0].tensor.shape[2:]
    classifies = trace.steps and trace.steps[-1].outputs[0].tensor.ndim == 2
    if last is None or len(image) != 2 or _mixes(trace):
        return
    if object_size is None and not classifies:
        return  # a map may well be asked for details only
    wanted = pair(object_size) if object_size is not None else (image[0], image[1])
    fields = [axis.field for axis in last.sight or ()]
    missing = [want - field.size for want, field in zip(wanted, fields, strict=True)]
    if max(missing) <= 0 or not all(field.jump for field in fields):
        return
    more = max(ceil(m / (2 * f.jump)) for m, f in zip(missing, fields, strict=True))
    target = "of an object" if object_size is not None else "of the image"
    yield Advice(
        "summary-narrow-field",
        last.producer.name if last.producer else "(itself)",
        f"each of its outputs sees {written(tuple(ceil(f.size) for f in fields))} {target} of "
        f"{written(wanted)} pixels.",
        f"Add {_counted(more, 'layer')} of 3×3 after it (each sees {2 * fields[0].jump:g} pixels "
        "more), or a stride or pooling before it.",
    )


def heavy_dense_layers(trace: Trace, weights: int) -> Iterator[Advice]:
    """A dense layer over a flattened map that holds most of the weights of the network."""
    maps = {id(step.outputs[0]): step.inputs[0].tensor for step in _flattening(trace)}
    reached: set[int] = set()
    for step in trace.steps:
        sources = [seen for seen in step.inputs if id(seen) in maps]
        for out in step.outputs:
            if sources and out.tensor.numel() == sources[0].tensor.numel():
                maps[id(out)] = maps[id(sources[0])]  # still the same numbers: dropout, ReLU
        if not sources or step.visit is None or id(step.visit) in reached:
            continue
        module = step.visit.module
        own = sum(weight.numel() for weight in module.parameters(recurse=False))
        if isinstance(module, nn.Linear) and own > max(weights // 2, MANY_WEIGHTS):
            reached.add(id(step.visit))
            shape = maps[id(sources[0])].shape
            pooled = shape[1] * module.out_features
            yield Advice(
                "summary-heavy-dense",
                step.visit.name,
                f"it holds {own:,} of the {weights:,} weights, one for each pixel and channel of "
                f"{written((*shape[2:], shape[1]))} and each of {module.out_features} outputs.",
                f"GlobalAveragePooling2D in place of Flatten leaves {pooled:,}.",
            )


def squashed_logits(trace: Trace) -> Iterator[Advice]:
    """A last softmax or sigmoid before a loss that applies its own."""
    last = trace.steps[-1] if trace.steps else None
    if last is None or last.operation not in SQUASHING or last.outputs[0].tensor.ndim != 2:
        return
    name = SQUASHING[last.operation]
    yield Advice(
        "summary-softmax-twice",
        last.visit.name if last.visit else "(itself)",
        f"the network ends in a {name}, and a loss that expects logits, as torch's "
        "CrossEntropyLoss and Model.fit do, applies it once more: learning is slow and the "
        "probabilities stay near equal.",
        f"Leave the {name} out; Model.predict gives probabilities.",
    )


def _tensors(trace: Trace) -> Iterator[Seen]:
    yield from trace.images
    for step in trace.steps:
        yield from step.outputs


def _last_map(trace: Trace) -> Seen | None:
    maps = [seen for seen in _tensors(trace) if seen.sight and _spread(seen.sight)]
    return maps[-1] if maps and maps[-1].producer is not None else None


def _spread(sight: Sight) -> bool:
    return max(axis.size for axis in sight) > 1


def _mixes(trace: Trace) -> bool:
    """Whether something other than a mean puts the parts of a map together."""
    for step in trace.steps:
        before = step.inputs[0].sight if step.inputs else None
        after = step.outputs[0].sight if step.outputs else None
        gone = before and after and _spread(before) and not _spread(after)
        if gone and step.operation not in MEANS and not step.operation.startswith("max_pool"):
            return True
    return False


def _flattening(trace: Trace) -> Iterator[Step]:
    for step in trace.steps:
        before = step.inputs[0].tensor if step.inputs else None
        if before is None or not step.outputs or before.ndim < 3:
            continue
        after = step.outputs[0].tensor
        if after.ndim == 2 and after.shape[1] == prod(before.shape[1:]) > before.shape[1]:
            yield step


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""What in a network wastes pixels or weights, each with the smallest fix."""

from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from striate.shapes import written
from striate.summaries.trace import Tracer


@dataclass(frozen=True)
class Advice:
    """A stable code, the module, what was seen and the smallest change that mends it."""

    code: str
    layer: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.what} {self.fix}"


def unread_pixels(tracer: Tracer) -> list[Advice]:
    """Rows and columns of a map that no module reads, because the last step would overshoot."""
    found = []
    for seen in tracer.seen.values():
        if seen.gap is None or not any(seen.gap) or seen.reader is None:
            continue
        rows, columns = (len(lines) for lines in seen.gap)
        height, width = seen.tensor.shape[2:]
        found.append(
            Advice(
                "summary-pixels-never-read",
                seen.reader.name,
                f"{_counted(rows, 'row')} and {_counted(columns, 'column')} of its input of "
                f"{written((height, width))} pixels are never read.",
                'Use padding="same", or a size, kernel and stride that divide evenly.',
            )
        )
    return found


def useless_biases(tracer: Tracer) -> list[Advice]:
    """Biases that the batch normalisation right after them subtracts again."""
    found = []
    for visit in tracer.visits:
        source = tracer.seen.get(id(visit.inputs[0])) if visit.inputs else None
        if not isinstance(visit.module, _BatchNorm) or source is None or source.producer is None:
            continue
        before = source.producer
        if isinstance(before.module, _ConvNd | nn.Linear) and before.module.bias is not None:
            found.append(
                Advice(
                    "summary-bias-before-norm",
                    before.name,
                    f"its {before.module.bias.numel()} biases have no effect: {visit.name} "
                    "subtracts the mean of every channel.",
                    "Use use_bias=False (in torch: bias=False).",
                )
            )
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

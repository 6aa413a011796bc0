"""Summary: what each layer of a network gives, holds, costs and sees."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from striate import zoo
from striate.errors import RunError, ShapeError, unknown_name
from striate.files import write_atomic
from striate.nn.outline import outline
from striate.shapes import Shape
from striate.summaries import Summary, drawing_of, summary
from striate.summaries.lint import Takes
from striate.tasks.predict import model_of
from striate.tasks.request import SummaryRequest


@dataclass(frozen=True)
class Found:
    """A summary, the name that was asked for, and where its drawing went."""

    name: str
    summary: Summary
    svg: Path | None


def carry_out(request: SummaryRequest) -> Found:
    """Summarise an architecture of the zoo, the model of a run, or a model file; draw it.

    Raises:
        UnknownName: it is none of these.
        ShapeError: the network does not take such images, or their shape is not known.
        FileError: the drawing cannot be written.
    """
    if request.model in zoo.ARCHITECTURES:
        network, shape, takes = _from_zoo(request)
    else:
        network, shape, takes = _from_file(request)
    table = summary(network, shape, object_size=request.object_size, loss_takes=takes)
    if request.svg is not None:
        write_atomic(request.svg, drawing_of(table, Path(request.model).name))
    return Found(request.model, table, request.svg)


def _from_zoo(request: SummaryRequest) -> tuple[nn.Module, Shape, Takes]:
    spec = zoo.ARCHITECTURES[request.model]
    shape = _shape(request, (spec.image_size, spec.image_size, spec.channels))
    with outline():
        network = zoo.create(
            request.model,
            classes=request.classes or spec.classes,
            channels=shape[-1],
            image_size=(shape[0], shape[1]),
        )
    return network, shape, "logits"


def _from_file(request: SummaryRequest) -> tuple[nn.Module, Shape, Takes]:
    try:
        model = model_of(request.model)
    except RunError as error:
        if Path(request.model).exists():
            raise
        known = zoo.ARCHITECTURES
        raise unknown_name("architecture, run or model file", request.model, known) from error
    takes: Takes = "logits" if model.logits_network is model.network else "probabilities"
    given = model.input_shape
    if request.input is None and request.image_size is None and given is None:
        raise ShapeError(
            "shape-input-unknown",
            f"{request.model} does not say what shape its images have.",
            "Give it: --input HEIGHT WIDTH CHANNELS.",
        )
    return model.network, _shape(request, given or (1, 1, 3)), takes


def _shape(request: SummaryRequest, known: Shape) -> Shape:
    """What was asked for, filled up with what is known."""
    if request.input is not None:
        return request.input
    if len(known) != 3:
        return known
    size = request.image_size
    height, width = (size, size) if size else known[:2]
    return height, width, request.channels or known[2]

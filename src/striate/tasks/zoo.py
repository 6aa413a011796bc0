"""The zoo: which architectures are there, what is each one's story, and its published weights."""

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from striate import zoo
from striate.errors import unknown_name
from striate.files import write_atomic
from striate.nn.outline import outline
from striate.report.catalogue import Entry, Stage
from striate.report.catalogue_chart import draw_catalogue
from striate.summaries import Row, Summary, drawing_of, summary
from striate.tasks.request import ZooPullRequest, ZooRequest
from striate.training import OnEvent, StageProgress, ignore

MB = 1_000_000  # bytes

SORTS: dict[str, Callable[[Entry], tuple[float | str, ...]]] = {
    "year": lambda entry: (entry.year, entry.weights),
    "name": lambda entry: (entry.name,),
    "weights": lambda entry: (entry.weights,),
    "multiply-adds": lambda entry: (entry.multiply_adds,),
    "receptive-field": lambda entry: (entry.receptive_field or float("inf"),),
    "top5": lambda entry: (100.0 if entry.top5 is None else entry.top5,),
    "accuracy": lambda entry: (-(entry.accuracy or 0.0),),
}


@dataclass(frozen=True)
class Catalogue:
    """The architectures that were asked for, and where their picture went."""

    entries: tuple[Entry, ...]
    picture: Path | None

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries]


@dataclass(frozen=True)
class Story:
    """One architecture: its facts, what its file tells of it, its stages, and its drawing.

    Args:
        taps: names by which a stage can be listened to, and the modules' paths.
    """

    entry: Entry
    story: str
    stages: tuple[Stage, ...]
    taps: dict[str, str]
    svg: Path | None

    def to_json(self) -> dict[str, Any]:
        plain = asdict(self)
        return {**plain, "svg": None if self.svg is None else str(self.svg)}


@dataclass(frozen=True)
class Pulled:
    """Where a model file of published weights lies."""

    name: str
    path: Path

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "path": str(self.path)}


def carry_out(request: ZooRequest) -> Catalogue | Story:
    """List the architectures, or tell one's story where the request names one.

    Raises:
        UnknownName: nothing is named so.
        FileError: the picture cannot be written.
    """
    if request.name in zoo.ARCHITECTURES:
        return _story(request)
    entries = [entry for entry in map(_entry, zoo.ARCHITECTURES) if _wanted(entry, request)]
    if not entries and request.name is not None and not zoo.list(request.name):
        raise unknown_name("architecture", request.name, zoo.ARCHITECTURES)
    entries.sort(key=SORTS[request.sort], reverse=request.reverse)
    if request.picture is not None:
        draw_catalogue(entries, request.picture)
    return Catalogue(tuple(entries), request.picture)


def pull(request: ZooPullRequest, *, on_event: OnEvent = ignore) -> Pulled:
    """Fetch published weights and keep them as a model file of ours.

    Raises:
        UnknownName: no such architecture, or no such source of weights.
        UsageError: nobody is known to have published any.
        FileError: offline, or not the published file; it tells which file to put where.
    """
    if request.name not in zoo.ARCHITECTURES:
        raise unknown_name("architecture", request.name, zoo.ARCHITECTURES)

    def tell(here: int, total: int | None) -> None:
        if total is not None:  # else the server does not say
            whole = math.ceil(total / MB)
            done = whole if here >= total else here // MB
            on_event(StageProgress("Fetching the weights (MB)", done, whole))

    return Pulled(request.name, zoo.pull(request.name, request.source, on_progress=tell))


def _wanted(entry: Entry, request: ZooRequest) -> bool:
    return (
        (request.name is None or entry.name in zoo.list(request.name))
        and (request.family is None or entry.family == request.family)
        and (request.max_weights is None or entry.weights <= request.max_weights)
        and (request.max_multiply_adds is None or entry.multiply_adds <= request.max_multiply_adds)
        and (entry.sources != () or not request.published)
    )


def _entry(name: str) -> Entry:
    spec = zoo.ARCHITECTURES[name]
    weights = [each for each in zoo.WEIGHTS if each.name == name]
    return Entry(
        name=name,
        family=zoo.family_of(name),
        year=spec.year,
        task=spec.task,
        image_size=spec.image_size,
        smallest=spec.smallest,
        weights=spec.params,
        multiply_adds=spec.multiply_adds,
        receptive_field=spec.receptive_field,
        top5=spec.top5,
        top5_of=spec.top5_of,
        accuracy=next((each.top1 for each in weights), None),
        sources=tuple(each.source for each in weights),
    )


def _story(request: ZooRequest) -> Story:
    spec = zoo.ARCHITECTURES[request.name or ""]
    shape = (spec.image_size, spec.image_size, spec.channels)
    with outline():
        network = spec.build().eval()
    table = summary(network, shape)
    if request.svg is not None:
        write_atomic(request.svg, drawing_of(table, spec.name))
    return Story(
        entry=_entry(spec.name),
        story=inspect.cleandoc(zoo.FAMILIES[zoo.family_of(spec.name)].__doc__ or ""),
        stages=tuple(_stages(table)),
        taps=network.taps(),
        svg=request.svg,
    )


def _stages(table: Summary) -> Iterator[Stage]:
    """The rows joined by the first two parts of their names: "features.stage1", "head.linear"."""
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(".".join(row.name.split(".")[:2]), []).append(row)
    for name, group in groups.items():
        shape, field = table.output_of(name)
        yield Stage(
            name=name,
            output_shape=shape,
            weights=sum(row.weights for row in group),
            multiply_adds=sum(row.multiply_adds for row in group),
            receptive_field=field,
        )

"""The measures by name, and maps judged by several of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from striate.errors import unknown_name
from striate.explain._score import Score
from striate.explain.quality.deletion import deletion, insertion
from striate.explain.quality.infidelity import infidelity
from striate.explain.quality.randomisation import parameter_randomisation
from striate.explain.quality.road import road
from striate.explain.quality.sensitivity import Method, max_sensitivity

OfMaps = Callable[[nn.Module, Tensor, Score, Tensor], Tensor]


@dataclass(frozen=True)
class Subject:
    """Whose maps are judged, and by what.

    Args:
        score: what the maps explain.
        answer: what is watched when pixels go, such as `class_probability(5)`.
        method: what made the maps, options filled in.
    """

    network: nn.Module
    images: Tensor
    score: Score
    answer: Score
    method: Method


@dataclass(frozen=True)
class Measure:
    """A row of `MEASURES`.

    Args:
        high_is_good: else low is.
        judge: a subject and its maps [N, H, W] -> [N].
    """

    high_is_good: bool
    judge: Callable[[Subject, Tensor], Tensor]


def watching(measure: OfMaps) -> Callable[[Subject, Tensor], Tensor]:
    """The measure, of the answer when pixels go."""
    return lambda subject, maps: measure(subject.network, subject.images, subject.answer, maps)


def _infidelity(subject: Subject, maps: Tensor) -> Tensor:
    return infidelity(subject.network, subject.images, subject.score, maps)


def _sensitivity(subject: Subject, maps: Tensor) -> Tensor:
    return max_sensitivity(
        subject.network, subject.images, subject.score, maps, subject.method, samples=4
    )


def _randomisation(subject: Subject, maps: Tensor) -> Tensor:
    return parameter_randomisation(
        subject.network, subject.images, subject.score, maps, subject.method
    ).similarity


MEASURES: dict[str, Measure] = {
    "deletion": Measure(False, watching(deletion)),
    "insertion": Measure(True, watching(insertion)),
    "road": Measure(True, watching(road)),
    "infidelity": Measure(False, _infidelity),
    "max_sensitivity": Measure(False, _sensitivity),
    "randomisation": Measure(False, _randomisation),  # see `changes` for its verdict
}


def judged(measures: Sequence[str], subject: Subject, maps: Tensor) -> dict[str, Tensor]:
    """The maps' numbers by the name of each measure, [N] each.

    Raises:
        UnknownName: no measure is named so.
    """
    check_measures(measures)
    return {name: MEASURES[name].judge(subject, maps) for name in measures}


def check_measures(measures: Sequence[str]) -> None:
    """Raise where a measure is unknown, before maps are made for nothing."""
    for name in measures:
        if name not in MEASURES:
            raise unknown_name("measure", name, MEASURES)

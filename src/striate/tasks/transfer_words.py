"""A comparison of ways in words: which to take, how sure that is, what a probe advises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.metrics.compare import SIGNIFICANT
from striate.metrics.over_seeds import OverSeeds
from striate.report.words import counted, duration, percent
from striate.tasks.probe import Probe

NAMES = {
    "scratch": "training from scratch",
    "head": "the head alone",
    "all": "fine-tuning everything",
    "gradual": "gradual unfreezing",
    "auto": "the automatic choice",
}
QUICKER = 1.25  # times: less is not worth a word
CLOSE = 0.02  # of accuracy, not shown: what a quicker way may seem to lose
Tests = Mapping[tuple[str, str], OverSeeds]


@dataclass(frozen=True)
class Way:
    """What is said of one way: its mean accuracy (value, low, high, n) and median seconds."""

    way: str
    accuracy: Mapping[str, Any]
    seconds: float
    seeds: int

    @property
    def name(self) -> str:
        return way_name(self.way)

    @property
    def mean(self) -> float:
        return float(self.accuracy["value"])


def way_name(way: str) -> str:
    """A way as a person says it.

    >>> way_name("last:2"), way_name("head")
    ('fine-tuning the last 2 stages', 'the head alone')
    """
    if way.startswith("last:"):
        number = int(way.removeprefix("last:"))
        stages = "stage" if number == 1 else f"{number} stages"
        return f"fine-tuning the last {stages}"
    return NAMES[way]


def capital(sentence: str) -> str:
    """With its first letter large."""
    return sentence[:1].upper() + sentence[1:]


def headline(ways: Sequence[Way], tests: Tests) -> str:
    """Which way to take: the best, or a quicker one that is close and not shown to be worse."""
    taken, best = taken_of(ways, tests), _best(ways)
    share = percent(taken.mean)
    if len(ways) == 1:
        return f"{capital(taken.name)}: {share} of the test images right."
    rivals = _rivals(ways, tests)
    if not rivals:
        lead = 100 * (best.mean - _runner_up(ways).mean)
        return f"{capital(best.name)} is best: {share}, {lead:.1f} points ahead."
    took = duration(taken.seconds)
    if len(rivals) == len(ways) - 1:
        why = "has the highest mean" if taken is best else "is close and quicker"
        return f"No way is shown to be better; {taken.name} {why}: {share} in {took}."
    return f"Take {taken.name}: {share} of the test images right, in {took}."


def lead(ways: Sequence[Way], tests: Tests) -> str:
    """By how much the headline's way is ahead or behind, and whether that may be chance."""
    best, taken = _best(ways), taken_of(ways, tests)
    if len(ways) == 1:
        return f"{capital(_seeds(ways))}; with one way there is nothing to compare."
    basis = f"{capital(_seeds(ways))}, on the same {best.accuracy['n']:,} test images."
    if taken is not best:
        test = against(tests, taken, best)
        longer = _times(best.seconds / max(taken.seconds, 1e-9))
        return (
            f"{capital(best.name)} had {percent(best.mean)}, but {test.change} may be chance "
            f"({test.chance}), and it took {longer} as long. {basis}"
        )
    other = _runner_up(ways)
    test = against(tests, other, best)
    if test.shown:
        return f"Against {other.name} {test.change}, {test.chance}: more than chance. {basis}"
    return (
        f"Its mean is the highest, but {test.change} over {other.name} may be chance "
        f"({test.chance}). {basis}"
    )


def sentences(ways: Sequence[Way], tests: Tests) -> list[str]:
    """A sentence for every other way, against the one of the headline, best first."""
    taken = taken_of(ways, tests)
    said = [f"{capital(taken.name)}: {percent(taken.mean)}, {duration(taken.seconds)} a training."]
    for way in sorted(ways, key=lambda way: -way.mean):
        if way is taken:
            continue
        test = against(tests, taken, way)
        verdict = "shown" if test.shown else "may be chance"
        said.append(
            f"{capital(way.name)}: {percent(way.mean)}, {test.change} against {taken.name}, "
            f"{verdict} ({test.chance}); {duration(way.seconds)} a training."
        )
    return said


def advice(probe: Probe) -> list[str]:
    """What a probe of all stages says about what to train."""
    last = probe.stages[-1]
    share = percent(last.pretrained.value)
    if not any(stage.p < SIGNIFICANT and _gain(stage) > 0 for stage in probe.stages):
        return [
            "At no stage are the learnt weights shown to be better than random ones: they may "
            "have nothing to say about these images, and training from scratch loses little."
        ]
    said = [
        f"Before the answer, learnt weights give {share} and random ones "
        f"{percent(last.random.value)}: "
        + ("that is what reuse is worth." if last.p < SIGNIFICANT else "that may be chance.")
    ]
    best = max(probe.stages, key=lambda stage: stage.pretrained.value or 0.0)
    if best.p_last < SIGNIFICANT and best is not last:
        above = len(probe.stages) - 1 - probe.stages.index(best)
        return [
            *said,
            f"{best.stage} knows more than the last stage, {percent(best.pretrained.value)} "
            f"against {share}: what comes after it is bound to what the weights were trained for. "
            f"Retrain that: --tune last:{above}.",
        ]
    first = next(s for s in probe.stages if s.p_last >= SIGNIFICANT)
    if first is not last:
        said.append(
            f"Features of {first.stage}, {percent(first.pretrained.value)}, are not shown to be "
            f"worse than those of the last stage."
        )
    room = 100 * (1 - (last.pretrained.value or 0.0))
    enough = (
        f"The last features leave {room:.1f} points of validation accuracy to win: by the probe "
        "--tune head is enough to begin with. The trainings above have the last word."
        if room <= 10
        else f"The last features leave {room:.0f} points: fine-tuning, --tune all, may win some."
    )
    return [*said, enough]


def _gain(stage: Any) -> float:
    return (stage.pretrained.value or 0.0) - (stage.random.value or 0.0)


def _best(ways: Sequence[Way]) -> Way:
    """The highest mean; of equal ones the quickest."""
    return max(ways, key=lambda way: (way.mean, -way.seconds))


def _rivals(ways: Sequence[Way], tests: Tests) -> list[Way]:
    """The ways that are not shown to be worse than the best."""
    best = _best(ways)
    return [way for way in ways if way is not best and not against(tests, best, way).shown]


def taken_of(ways: Sequence[Way], tests: Tests) -> Way:
    """The best, unless a close one that is not shown to be worse is clearly quicker."""
    best = _best(ways)
    close = [way for way in _rivals(ways, tests) if best.mean - way.mean <= CLOSE + 1e-9]
    quickest = min([best, *close], key=lambda way: way.seconds)
    return quickest if best.seconds > QUICKER * quickest.seconds else best


def _runner_up(ways: Sequence[Way]) -> Way:
    best = _best(ways)
    return max((way for way in ways if way is not best), key=lambda way: way.mean)


def against(tests: Tests, a: Way, b: Way) -> OverSeeds:
    """The test of b minus a, whichever way round it was made."""
    known = tests.get((a.way, b.way))
    return known if known is not None else tests[b.way, a.way].reversed()


def _seeds(ways: Sequence[Way]) -> str:
    counts = sorted({way.seeds for way in ways})
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} seeds a way"
    return f"{counted(counts[0], 'seed')} each"


def _times(ratio: float) -> str:
    return f"{ratio:.0f} times" if ratio >= 9.5 else f"{ratio:.1f} times"

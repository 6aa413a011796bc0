"""What the trainings of a comparison say together: numbers of each way, tests of each pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from striate.errors import DataError
from striate.metrics.over_seeds import (
    TESTED,
    OverSeeds,
    accuracy_over_seeds,
    compare_over_seeds,
    corrected,
)
from striate.tasks.run import Run
from striate.tasks.run_folder import RunFolder
from striate.tasks.transfer_words import (
    Way,
    against,
    capital,
    headline,
    lead,
    sentences,
    taken_of,
    way_name,
)

MOST_EPOCHS = 200  # rows of a history that are kept


@dataclass(frozen=True)
class Trained:
    """A finished training of one way and one seed.

    Args:
        ids: of the test images; `right`: whether each was answered rightly, bool [n].
        seconds: of the whole training, data and judging included.
        history: `epoch` and `val_accuracy`, a row an epoch.
        input: height, width and channels of what the network sees.
    """

    way: str
    seed: int
    folder: Path
    ids: tuple[str, ...]
    right: NDArray[np.bool_]
    seconds: float
    history: tuple[dict[str, float], ...]
    input: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "accuracy": float(self.right.mean()),
            "right": int(self.right.sum()),
            "seconds": self.seconds,
            "folder": str(self.folder),
            "history": list(self.history),
        }


def read_training(way: str, seed: int, folder: RunFolder, seconds: float | None) -> Trained:
    """A finished training from its folder.

    Args:
        seconds: how long it took, where somebody watched; else what its report says.
    """
    run = Run(folder)
    report = run.report
    answers = pq.read_table(folder.predictions)
    answers = answers.filter(pa.compute.equal(answers.column("split"), "test"))
    true, predicted = (np.array(answers.column(name).to_pylist()) for name in ("true", "predicted"))
    rows = [
        {"epoch": row["epoch"], "val_accuracy": row["val_accuracy"]}
        for row in run.history
        if "epoch" in row and "val_accuracy" in row
    ]
    step = max(1, -(-len(rows) // MOST_EPOCHS))
    return Trained(
        way,
        seed,
        folder.path,
        tuple(answers.column("id").to_pylist()),
        true == predicted,
        float(report["training"]["seconds"] or 0.0) if seconds is None else seconds,
        (*rows[:-1:step], *rows[-1:]),
        tuple(report["model"]["input"]),
    )


def outcome(trained: Sequence[Trained]) -> dict[str, Any]:
    """Headline, sentences, ways and pairs as plain values; empty where nothing was trained.

    Ways stand in the order they were asked for; of a pair, b is the later one.

    Raises:
        DataError: the trainings were not judged on the same images.
    """
    if not trained:
        return {"ways": [], "pairs": []}
    _check_same_images(trained)
    by_way: dict[str, list[Trained]] = {}
    for one in trained:
        by_way.setdefault(one.way, []).append(one)
    ways = [_way(way, runs) for way, runs in by_way.items()]
    tests = _tests(by_way)
    words = [Way(way["way"], way["accuracy"], way["seconds"], len(way["runs"])) for way in ways]
    taken = taken_of(words, tests)
    return {
        "headline": headline(words, tests),
        "lead": lead(words, tests),
        "sentences": sentences(words, tests),
        "ways": ways,
        "reference": taken.name,
        "differences": [_difference(way, against(tests, taken, way)) for way in words
                        if way is not taken],
        "pairs": [
            {
                "a_way": a, "b_way": b, "a_name": way_name(a), "b_name": way_name(b),
                **test.to_json(),
                "sentence": capital(test.sentence((way_name(a), way_name(b)))),
            }
            for (a, b), test in tests.items()
        ],
        "tested": [TESTED[name] for name in dict.fromkeys(test.test for test in tests.values())],
    }  # fmt: skip


def _way(way: str, runs: Sequence[Trained]) -> dict[str, Any]:
    found = accuracy_over_seeds(np.stack([run.right for run in runs]))
    shares = [float(run.right.mean()) for run in runs]
    return {
        "way": way,
        "name": way_name(way),
        "accuracy": found.to_json(),
        "deviation": float(np.std(shares, ddof=1)) if len(runs) > 1 else None,
        "seconds": median(run.seconds for run in runs),
        "input": list(runs[0].input),
        "runs": [run.to_json() for run in runs],
    }


def _difference(way: Way, test: OverSeeds) -> dict[str, Any]:
    """Of a way against the one that the headline takes."""
    return {"way": way.way, "name": way.name, "shown": test.shown, **test.difference.to_json()}


def _tests(by_way: Mapping[str, Sequence[Trained]]) -> dict[tuple[str, str], OverSeeds]:
    """Every pair of ways on the seeds that both have, p-values corrected for their number."""
    found = {(a, b): _test(by_way[a], by_way[b]) for a, b in combinations(by_way, 2)}
    raised = corrected([test.p for test in found.values()])
    return {
        pair: replace(test, holm=p) for (pair, test), p in zip(found.items(), raised, strict=True)
    }


def _test(one: Sequence[Trained], other: Sequence[Trained]) -> OverSeeds:
    both = {run.seed for run in one} & {run.seed for run in other}
    rights = [
        np.stack([run.right for run in runs if run.seed in both or not both])
        for runs in (one, other)
    ]
    return compare_over_seeds(*rights)


def _check_same_images(trained: Sequence[Trained]) -> None:
    first = trained[0]
    for other in trained[1:]:
        if other.ids != first.ids:
            raise DataError(
                "transfer-other-images",
                f"{first.folder} and {other.folder} were not judged on the same test images.",
                "Compare afresh in another --output-dir.",
            )

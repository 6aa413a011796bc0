"""Which images of a gallery are typical of a class, which are wrong and which uncertain; by one
question, whether an image has one label or several."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from striate.errors import DataError
from striate.tasks.gallery_data import Judged

MOST_CLASSES = 20
ONE_LABEL = {
    "typical": "Right, and most sure",
    "wrong": "Wrong, the most sure first",
    "uncertain": "Torn between two answers",
}
SEVERAL_LABELS = {
    "typical": "There, and most surely found",
    "wrong": "Missed or named falsely, the most sure first",
    "uncertain": "Unsure: probability nearest one half",
}
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Cases:
    """How the question of one class was answered, image by image.

    Where images have one label, it is put to the images of the class: which class is it? Where they
    have several, to every image: is the class there?

    Args:
        places: of the images in the data's rows, ascending, [n].
        there: whether the class is there, [n].
        right: whether the answer is right, [n].
        answers: the probability of every answer, [n, answers].
        targets: the output that the map of a case explains, [n].
    """

    places: Rows
    there: Flags
    right: Flags
    answers: NDArray[np.float64]
    targets: Rows

    @property
    def share(self) -> float:
        """Of the images with the class or taken to have it, the part that is right, 0..1."""
        hits, wrong = int((self.right & self.there).sum()), int((~self.right).sum())
        return hits / max(hits + wrong, 1)

    def kinds(self, each: int) -> dict[str, "Cases"]:
        """The typical and the wrong, surest first, and the others, least decided first.

        Args:
            each: so many typical and wrong ones are shown, and are not uncertain ones as well.
        """
        best = np.sort(self.answers, axis=1)[:, ::-1]
        order = np.argsort(-best[:, 0], kind="stable")
        hit = self.right & self.there
        typical, wrong = order[hit[order]], order[~self.right[order]]
        margin = best[:, 0] - best[:, 1] if best.shape[1] > 1 else best[:, 0]
        torn = np.argsort(margin, kind="stable")
        torn = torn[~np.isin(torn, [*typical[:each], *wrong[:each]])]
        found = {"typical": typical, "wrong": wrong, "uncertain": torn}
        return {kind: self.chosen(rows) for kind, rows in found.items()}

    def chosen(self, rows: Rows) -> "Cases":
        """These cases, in this order."""
        return Cases(
            self.places[rows],
            self.there[rows],
            self.right[rows],
            self.answers[rows],
            self.targets[rows],
        )


def cases_of(data: Judged, number: int) -> Cases:
    """The cases of a class by its number."""
    if data.several:
        there, chance = data.labels[:, number] > 0.5, data.values[:, number]
        right = data.named[:, number] == there
        answers = np.stack([chance, 1 - chance], axis=1)
        return Cases(np.arange(len(there)), there, right, answers, np.full(len(there), number))
    places = np.flatnonzero(data.labels == number)
    answers = data.values[places]
    said = answers.argmax(axis=1)
    return Cases(places, np.ones(len(places), dtype=bool), said == number, answers, said)


def shown_classes(
    data: Judged, classes: tuple[str, ...], wanted: tuple[str, ...] | None
) -> tuple[list[int], list[str]]:
    """The classes to show, in their order, and the names of those that are left out.

    Where there are too many, those with the smallest share of right answers are shown.

    Args:
        classes: names of all of them.
        wanted: names of those to show; None: all that the data have.
    Raises:
        DataError: the data have no image of what is wanted.
    """
    asked = {number: cases_of(data, number) for number in range(len(classes))}
    shares = {number: cases.share for number, cases in asked.items() if cases.there.any()}
    if wanted is not None:
        shown = [number for number in map(classes.index, wanted) if number in shares]
        if not shown:
            raise DataError(
                "explain-gallery-empty",
                f"The data have no image of {', '.join(wanted)}.",
                f"They have {', '.join(classes[number] for number in [*shares][:10])}.",
            )
        return shown, []
    shown = sorted(sorted(shares, key=lambda number: shares[number])[:MOST_CLASSES])
    return shown, [classes[number] for number in shares if number not in shown]

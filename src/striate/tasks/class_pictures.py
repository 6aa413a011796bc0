"""The pictures of a gallery, class by class: where the network looks on the whole, and single
images with their maps and neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from striate.errors import ExplainError
from striate.explain import Explanation, NeighbourIndex, Neighbours, common_place, overlay
from striate.explain.neighbours import pixel_rows
from striate.explaining import Seen, seen_as
from striate.inference import BATCH_SIZE
from striate.model import Model
from striate.tasks.explain_choices import Choices, shown_map, spoken
from striate.tasks.explain_request import ExplainRequest
from striate.tasks.gallery import NEIGHBOURS, as_png, enlarged_picture, features_of, shown_picture
from striate.tasks.gallery_cases import ONE_LABEL, SEVERAL_LABELS, Cases, Flags, Rows, cases_of
from striate.tasks.gallery_data import Judged, inputs_of, pixels_of
from striate.training import OnEvent, StageProgress

SAMPLE = 24  # images of a class in its mean map


@dataclass
class ClassPictures:
    """Makes the entries of a gallery, and the PNG pictures that they name.

    Args:
        refused: grows by methods that cannot explain the network.
        notes: what else could not be done.
    """

    model: Model
    choices: Choices
    data: Judged
    request: ExplainRequest
    on_event: OnEvent
    refused: dict[str, ExplainError]
    pictures: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    total: int = 0
    done: int = 0
    by_features: NeighbourIndex | None = None
    by_pixels: NeighbourIndex | None = None

    @property
    def among(self) -> str:
        """What neighbours are taken from, in words."""
        return "in training" if len(self.data.dataset.where("train")) else "among these data"

    def prepare(self, numbers: Sequence[int]) -> None:
        """Count what is to be done, and look at the images among which neighbours are."""
        for number in numbers:
            cases, each = cases_of(self.data, number), self.request.each
            shown = sum(min(len(kind.places), each) for kind in cases.kinds(each).values())
            self.total += (shown + len(_sample(cases))) * len(self.choices.methods)
        self.by_pixels = NeighbourIndex(self._pixel_rows(self.data.bank), metric="euclidean")
        try:
            features = features_of(
                self.model,
                self.data.store,
                self.data.bank,
                lambda done, total: self.on_event(
                    StageProgress("Looking for neighbours", done, total)
                ),
            )
            self.by_features = NeighbourIndex(features)
        except ExplainError as error:
            self.notes.append(f"There are no neighbours for the network: {error}")

    def made(self, number: int) -> dict[str, Any]:
        """The entry of one class."""
        cases, each = cases_of(self.data, number), self.request.each
        kinds = cases.kinds(each)
        means = self._means(number, _sample(cases))
        titles = SEVERAL_LABELS if self.data.several else ONE_LABEL
        return {
            "name": self.model.classes[number],
            "images": int(cases.there.sum()),
            "right": int((cases.there & cases.right).sum()),
            "others": int((~cases.there).sum()),
            "named_falsely": int((~cases.there & ~cases.right).sum()),
            "means": means,
            "sentences": [mean["sentence"] for mean in means["maps"] if mean["sentence"]],
            "kinds": [
                {
                    "title": titles[kind],
                    "images": len(found.places),
                    "cases": self._cases(number, found.chosen(np.arange(len(found.places))[:each])),
                }
                for kind, found in kinds.items()
            ],
        }

    def _explained(
        self, places: Rows, targets: Sequence[int] | None
    ) -> tuple[NDArray[np.uint8], dict[str, list[Explanation]]]:
        """The pictures of some images, and every method's explanations, a batch each."""
        size = self.request.batch_size
        found: dict[str, list[Explanation]] = {}
        pictures = []
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            seen = self._seen(chosen)
            pictures.append(seen.pictures)
            wanted = None if targets is None else targets[start : start + size]
            for method in self.choices.methods:
                self._tell(0)
                if method not in self.refused:
                    try:
                        explained = self.choices.explain(
                            self.model.answering(), seen, method, wanted
                        )
                        found.setdefault(method, []).append(explained)
                    except ExplainError as error:
                        self.refused[method] = error
                self._tell(len(chosen))
        return np.concatenate(pictures), found

    def _tell(self, more: int) -> None:
        self.done += more
        self.on_event(StageProgress("Explaining the classes", self.done, self.total))

    def _seen(self, places: Rows) -> Seen:
        rows = self.data.rows[places]
        inputs = inputs_of(self.model, self.data.store, rows)
        names = tuple(self.data.dataset.ids[row] for row in rows.tolist())
        return seen_as(self.model.answering(), inputs, names, self.data.values[places])

    def _means(self, number: int, places: Rows) -> dict[str, Any]:
        """The mean picture of a class and the mean of what speaks for it, by every method."""
        name = self.model.classes[number]
        pictures, explained = self._explained(places, [number] * len(places))
        mean = enlarged_picture(np.rint(pictures.mean(axis=0)).astype(np.uint8))
        maps = []
        for method, batches in explained.items():
            if method in self.refused:
                continue
            try:
                place = common_place(torch.cat([batch.maps for batch in batches]))
            except ExplainError as error:
                self.notes.append(f"{name}: {error}")
                continue
            sentence = None
            if place.common:
                sentence = (
                    f"In {place.agreeing} of {place.images} images of “{name}” more than half of "
                    f"what speaks for it lies {place.words} ({method})."
                )
            key = f"mean/{number}/{method}"
            self.pictures[key] = as_png(overlay(mean, place.mean.numpy()))
            maps.append({"method": method, "picture": key, "sentence": sentence})
        self.pictures[f"mean/{number}"] = as_png(mean)
        return {"picture": f"mean/{number}", "images": len(places), "maps": maps}

    def _cases(self, number: int, chosen: Cases) -> list[dict[str, Any]]:
        """Truth, answer, picture, maps and neighbours of these images."""
        places = chosen.places
        if not len(places):
            return []
        targets = chosen.targets.tolist() if self.choices.target is None else None
        pictures, explained = self._explained(places, targets)
        by_features, by_pixels = self._near_features(places), self._near_pixels(places)
        cases = []
        for index, place in enumerate(places.tolist()):
            shown = enlarged_picture(pictures[index])
            key = f"picture/{place}"
            self.pictures[key] = as_png(shown)
            maps = []
            for method, batches in explained.items():
                if method in self.refused:
                    continue
                batch, within = divmod(index, self.request.batch_size)
                each = batches[batch]
                named = f"map/{number}/{place}/{method}"
                self.pictures[named] = as_png(shown_map(shown, each, within))
                maps.append(
                    {"method": spoken(each), "picture": named, "target": each.targets[within]}
                )
            entry = {**self._answer(number, place), "picture": key, "maps": maps}
            near = {"neighbours": by_features[index], "near_pixels": by_pixels[index]}
            cases.append(entry | near)
        return cases

    def _answer(self, number: int, place: int) -> dict[str, Any]:
        """Truth and answer by name; of several labels as lists, `about` one of them."""
        values, label, names = self.data.values[place], self.data.labels[place], self.model.classes
        found = {"id": self.data.dataset.ids[int(self.data.rows[place])]}
        if self.data.several:
            return found | {
                "about": names[number],
                "true": _names(names, label > 0.5),
                "predicted": _names(names, self.data.named[place]),
                "probability": float(values[number]),
            }
        first = np.argsort(-values, kind="stable").tolist()[:2]
        best, second = first[0], first[-1]
        return found | {
            "true": names[int(label)],
            "predicted": names[best],
            "probability": float(values[best]),
            "second": names[second],
            "second_probability": float(values[second]),
        }

    def _near_features(self, places: Rows) -> list[list[Mapping[str, Any]]]:
        if self.by_features is None:
            return [[] for _ in places]
        asked = features_of(self.model, self.data.store, self.data.rows[places])
        return self._others(places, self.by_features.nearest(asked, NEIGHBOURS + 1))

    def _near_pixels(self, places: Rows) -> list[list[Mapping[str, Any]]]:
        if self.by_pixels is None:
            return [[] for _ in places]
        asked = self._pixel_rows(self.data.rows[places])
        return self._others(places, self.by_pixels.nearest(asked, NEIGHBOURS + 1))

    def _pixel_rows(self, rows: Rows) -> NDArray[np.float32]:
        parts = np.array_split(rows, -(-len(rows) // BATCH_SIZE))
        shown = [pixel_rows(pixels_of(self.model, self.data.store, part)) for part in parts]
        return np.concatenate(shown)

    def _others(self, places: Rows, near: Neighbours) -> list[list[Mapping[str, Any]]]:
        """The most alike of the bank for each image, itself left out."""
        dataset = self.data.dataset
        found: list[list[Mapping[str, Any]]] = []
        for own, indices, distances in zip(self.data.rows[places], *near, strict=True):
            others = [
                {
                    "id": dataset.ids[row],
                    "class": self._label(row),
                    "distance": distance,
                    "picture": self._thumbnail(row),
                }
                for row, distance in zip(
                    self.data.bank[indices].tolist(), distances.tolist(), strict=True
                )
                if row != own
            ]
            found.append(list(others[:NEIGHBOURS]))
        return found

    def _label(self, row: int) -> str | list[str]:
        """As it is shown; of several labels a list."""
        dataset = self.data.dataset
        if self.data.several:
            return _names(dataset.classes, dataset.labels[row] > 0.5)
        return dataset.label_text(row)

    def _thumbnail(self, row: int) -> str:
        key = f"bank/{row}"
        if key not in self.pictures:
            pixels = pixels_of(self.model, self.data.store, np.array([row]))
            self.pictures[key] = as_png(shown_picture(pixels[0]))
        return key


def _sample(cases: Cases) -> Rows:
    """Images of a class, evenly spread over it."""
    places = cases.places[cases.there]
    if len(places) <= SAMPLE:
        return places
    return places[np.linspace(0, len(places) - 1, SAMPLE).round().astype(np.int64)]


def _names(classes: Sequence[str], marked: Flags) -> list[str]:
    return [classes[number] for number in np.flatnonzero(marked).tolist()]

"""Explain: what on these images speaks for the answer?"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from striate.answering import Answering
from striate.errors import ExplainError, UsageError
from striate.explain import Explanation, colour_scale
from striate.explaining import Seen, name_of, seen_as, targets_of
from striate.files import write_atomic
from striate.model import Model
from striate.predictions import Unreadable
from striate.reading import needed_preprocessing, read_pictures
from striate.report.explained import Shown, draw_explained, words_of
from striate.report.words import visible
from striate.tasks.explain_choices import Choices, choices_of, shown_map, spoken
from striate.tasks.explain_request import ExplainRequest
from striate.tasks.gallery import enlarged_picture
from striate.tasks.predict import model_of, named_files
from striate.training import OnEvent, StageProgress, choose_device, ignore

FORMAT = 1


@dataclass
class Explained:
    """What was explained, and what could not be.

    Args:
        rows: an entry for every image and method: image, target, answer, method, quality, seconds
            and the name of its picture in `folder`.
        refused: methods that cannot explain this network, and why.
        interrupted: it was stopped before all was done.
    """

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, ExplainError] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "folder": str(self.folder),
            "interrupted": self.interrupted,
            "explanations": self.rows,
            "refused": [
                {"method": method, "code": error.code, "reason": str(error)}
                for method, error in self.refused.items()
            ],
            "unreadable": [
                {"path": file.id, "reason": file.reason, "detail": file.detail}
                for file in self.unreadable
            ],
        }


def carry_out(request: ExplainRequest, *, on_event: OnEvent = ignore) -> Explained:
    """Write a picture for every image and method, and explanations.json.

    A method that refuses costs the others nothing. After Ctrl-C, what was done is kept.

    Raises:
        UsageError: no file was named, or a method has no layer to look at.
        UnknownName: no method, measure, class or layer is named so.
        DataError: there is no file among what was named.
        ExplainError: every method refused; the first reason.
    """
    if not request.files:
        raise UsageError(
            "usage-missing",
            "FILES are missing.",
            "Name images, folders, a glob in quotes, or -; or data: --gallery DATA.",
        )
    model = model_of(request.run)
    model.network.to(choose_device(request.device))
    choices = choices_of(request, model.answering())
    found = Explained(request.out)
    try:
        _explain_all(request, model, choices, found, on_event)
    except KeyboardInterrupt:
        found.interrupted = True
    order = {name: place for place, name in reversed([*enumerate(r["image"] for r in found.rows)])}
    found.rows.sort(key=lambda row: order[row["image"]])  # all methods of an image together
    text = json.dumps(found.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(request.out / "explanations.json", text + "\n")
    if len(found.refused) == len(choices.methods) and not found.rows:
        raise next(iter(found.refused.values()))
    return found


def _explain_all(
    request: ExplainRequest,
    model: Model,
    choices: Choices,
    found: Explained,
    on_event: OnEvent,
) -> None:
    answering = model.answering()
    preprocessing = needed_preprocessing(answering.preprocessing)
    named = named_files(request.files)
    reading = read_pictures(named, preprocessing, request.batch_size)
    total, done, before = len(reading.sources) * len(choices.methods), 0, 0
    places = _Places(request.out)
    try:
        for inputs in reading.batches():
            names = reading.ids[before : before + len(inputs)]
            before += len(inputs)
            seen = seen_as(answering, inputs, names)
            for method in choices.methods:
                on_event(StageProgress("Making the maps", done, total))
                done += len(inputs)
                if method in found.refused:
                    continue
                try:
                    explained = choices.explain(answering, seen, method)
                except ExplainError as error:
                    found.refused[method] = error
                    continue
                _keep(answering, seen, explained, places, found)
                on_event(StageProgress("Making the maps", done, total))
    finally:
        found.unreadable = reading.unreadable


def _keep(
    answering: Answering, seen: Seen, explained: Explanation, places: "_Places", found: Explained
) -> None:
    """Write the pictures of a batch and note what is known of them."""
    own = targets_of(answering, None, seen.values)  # what the model says itself
    values = seen.values if seen.values.ndim == 1 else seen.values.max(axis=1)
    for index, entry in enumerate(explained.to_json()):
        predicted, value = name_of(answering, own[index]), float(values[index])
        picture = places.of(explained.names[index], explained.method)
        is_number = answering.tasks[0] == "regression"
        photograph = enlarged_picture(explained.pictures[index])
        heat = explained.maps[index].float().numpy()
        shown = Shown(
            picture=photograph,
            overlay=shown_map(photograph, explained, index),
            scale=colour_scale(signed=bool(heat.min() < 0)),
            signed=bool(heat.min() < 0),
            method=spoken(explained),
            target=words_of(entry["target"], entry["answer"], is_number=is_number),
            answer=words_of(predicted, value, is_number=is_number),
            quality=entry["quality"],
        )
        write_atomic(places.folder / picture, draw_explained(shown))
        found.rows.append({
            **entry,
            "predicted": value if is_number else predicted,
            "predicted_probability": None if is_number else value,
            "seconds": explained.seconds / len(explained),
            "picture": picture,
        })  # fmt: skip


@dataclass
class _Places:
    """File names for pictures: IMAGE-METHOD.png, numbered where images of two folders share one."""

    folder: Path
    owners: dict[str, str] = field(default_factory=dict)

    def of(self, image: str, method: str) -> str:
        stem = re.sub(r"[^\w.-]+", "-", Path(visible(image)).stem).strip("-.")[:100] or "image"
        name, number = stem, 1
        while self.owners.setdefault(name.lower(), image) != image:
            number += 1
            name = f"{stem}-{number}"
        return f"{name}-{method}.png"

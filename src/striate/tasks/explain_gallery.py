"""A gallery of a labelled data set: for every class where the network looks, and for which images
it answers surely, wrongly and unsurely."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from striate.errors import ExplainError, UsageError
from striate.files import write_atomic
from striate.model import Model
from striate.predictions import Unreadable
from striate.reading import needed_preprocessing
from striate.report.gallery_page import gallery_page
from striate.tasks.class_pictures import ClassPictures
from striate.tasks.explain_choices import choices_of, listed
from striate.tasks.explain_request import ExplainRequest
from striate.tasks.gallery_cases import shown_classes
from striate.tasks.gallery_data import judged_data
from striate.tasks.predict import model_of
from striate.training import OnEvent, choose_device, ignore


@dataclass
class GalleryPage:
    """Where the page lies, and what it found.

    Args:
        sentences: places where most images of a class have most of their mass.
        refused: methods that cannot explain this network, and why.
        interrupted: it was stopped before all classes were done.
    """

    path: Path
    classes: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    refused: dict[str, ExplainError] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "interrupted": self.interrupted,
            "sentences": self.sentences,
            "classes": self.classes,
            "refused": [
                {"method": method, "code": error.code, "reason": str(error)}
                for method, error in self.refused.items()
            ],
        }


def carry_out(request: ExplainRequest, *, on_event: OnEvent = ignore) -> GalleryPage:
    """Write the page OUT/gallery.html.

    After Ctrl-C, it holds the classes that were done.

    Raises:
        UsageError: the model gives numbers, or classes without names.
        UnknownName: no method, measure, class or layer is named so.
        DataError: the data cannot be opened, or have classes that the model does not know.
        ExplainError: every method refused; the first reason.
    """
    model = model_of(request.run)
    _check_model(model)
    model.network.to(choose_device(request.device))
    choices = choices_of(request, model.answering())
    wanted = None if request.only is None else listed("class", request.only, model.classes)
    data = judged_data(str(request.gallery), request.run, model, on_event)
    numbers, left_out = shown_classes(data, model.classes, wanted)
    page = GalleryPage(request.out / "gallery.html")
    maker = ClassPictures(model, choices, data, request, on_event, page.refused)
    notes = list(data.notes)
    try:
        maker.prepare(numbers)
        for number in numbers:
            page.classes.append(maker.made(number))
            if len(page.refused) == len(choices.methods):
                raise next(iter(page.refused.values()))
    except KeyboardInterrupt:
        if not page.classes:
            raise
        page.interrupted = True
        notes.append(f"It was stopped: {len(page.classes)} of {len(numbers)} classes are shown.")
    page.sentences = [said for each in page.classes for said in each["sentences"]]
    notes += [f"{method} is not shown: {error}" for method, error in page.refused.items()]
    facts = {
        "name": Path(request.run).name.removesuffix(".safetensors"),
        "task": model.task,
        "data": str(request.gallery),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "images": len(data.rows),
        "right": int(data.right.sum()),
        "classes": page.classes,
        "left_out": left_out,
        "among": maker.among,
        "notes": notes + maker.notes,
    }
    write_atomic(page.path, gallery_page(facts, maker.pictures).encode("utf-8"))
    return page


def _check_model(model: Model) -> None:
    if model.task == "regression":
        raise UsageError(
            "explain-gallery-task",
            "A gallery goes class by class, and this model answers with a number.",
            "Explain single images: striate explain RUN FILES… The page of a run shows those with "
            "the largest errors.",
        )
    if not model.classes:
        raise UsageError(
            "explain-gallery-names",
            "A gallery goes class by class, and this model has no names of classes.",
            "In Python: model.classes = (…), then model.save(…).",
        )
    needed_preprocessing(model.preprocessing)

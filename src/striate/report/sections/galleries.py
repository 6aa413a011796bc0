"""Mistakes and hard images, each with what the network looked at and what it had learned from."""

from collections.abc import Mapping, Sequence
from typing import Any

from striate.report.charts import scatter
from striate.report.markup import Content, Markup, tag
from striate.report.parts import (
    Pictures,
    Report,
    Section,
    folded,
    listing,
    more,
    name,
    path,
    section_of,
)
from striate.report.pictures import picture
from striate.report.words import finite, names, number, percent

MOST_MISTAKES, MOST_HARD, MOST_NEIGHBOURS, UNFOLDED = 24, 12, 3, 12
SHOT, THUMB = 224, 96  # pixels kept of the longest side

LOOKED = (
    "Beside each picture stands where the network looked (Grad-CAM: warm is what spoke for its "
    "answer), and beneath it the training images that it finds most alike."
)
Case = Mapping[str, Any]


def mistakes(report: Report, pictures: Pictures) -> Section | None:
    """The most confident mistakes."""
    cases = listing(report, "mistakes")
    if not cases:
        return None
    hint = (
        "Some may not be the network’s mistakes but wrong labels: neighbours that all disagree "
        "with the stated truth are a sign."
    )
    note = [tag("p", LOOKED), tag("p", hint), _notes(report)]
    body = _gallery(cases, MOST_MISTAKES, pictures, str(report.get("task")))
    return Section("mistakes", "Its most confident mistakes", body, note, wide=True)


def hardest(report: Report, pictures: Pictures) -> Section | None:
    """Images whose true class got the least probability and that are not shown already."""
    every = listing(report, "hardest")
    shown = {case.get("id") for case in listing(report, "mistakes")[:MOST_MISTAKES]}
    cases = [case for case in every if case.get("id") not in shown]
    if not every:
        return None
    task = str(report.get("task"))
    title, told = "The hardest images", "The images whose truth the network found least likely."
    if task == "regression":
        title, told = "The largest errors", "The images whose answers are furthest off."
    if len(cases) < len(every):
        told += f" {len(every) - len(cases)} of them are among the mistakes above."
    first = () if shown else (tag("p", LOOKED), _notes(report))
    body = _gallery(cases, MOST_HARD, pictures, task)
    return Section("hardest", title, body, [tag("p", told), *first], wide=True)


def _notes(report: Report) -> Content:
    """Why there are no heat maps or neighbours, where that is so."""
    verdict = str(report.get("verdict") or "")
    notes = [str(each) for each in report.get("notes") or ()]
    return [tag("p", each) for each in notes if each not in verdict]


def _gallery(cases: Sequence[Case], most: int, pictures: Pictures, task: str) -> Markup:
    cards = [_card(case, pictures, task) for case in cases[:most]]
    first, rest = cards[:UNFOLDED], cards[UNFOLDED:]
    grid = tag("div", first, class_="gallery") if first else Markup()
    if rest:
        grid = Markup(grid + folded(f"{len(rest)} more", tag("div", rest, class_="gallery")))
    return Markup(grid + more(len(cases) - len(cards)))


def _card(case: Case, pictures: Pictures, task: str) -> Markup:
    true, answered = (_labels(case.get(key), task) for key in ("true", "predicted"))
    alt = f"truly {true}, answered {answered}"
    shots: list[Content] = [picture(pictures, case.get("picture"), alt, side=SHOT)]
    if case.get("overlay") in pictures:
        shots.append(picture(pictures, case["overlay"], "the same, where it looked", side=SHOT))
    words = tag("figcaption", told(case, true, answered, task), tag("p", path(case.get("id"))))
    return tag("figure", tag("div", shots, class_="shots"), words, neighbours(case, pictures))


def told(case: Case, true: str, answered: str, task: str) -> Markup:
    """Truth and answer in words, so that neither rests on a colour."""
    probability = finite(case.get("probability"))
    if task == "regression":
        truth, answer = _amount(case.get("true")), _amount(case.get("predicted"))
        off = "" if truth is None or answer is None else f", off by {number(abs(answer - truth))}"
        return tag("p", "answered ", tag("b", answered), ", truly ", tag("b", true), off)
    sure = "" if probability is None else f", {percent(probability)} sure"
    if case.get("true") == case.get("predicted"):
        return tag("p", "rightly ", tag("b", name(true), class_="true"), sure)
    return tag(
        "p",
        tag("b", name(true), class_="true"),
        " taken for ",
        tag("b", name(answered), class_="false"),
        sure,
    )


def _labels(value: object, task: str) -> str:
    """A label; several, which files join by "|", come as a list of words."""
    if task == "multi_label" and isinstance(value, str):
        value = value.split("|")
    return names(value, 40)


def _amount(value: object) -> float | None:
    """A number that may have been written out."""
    try:
        return finite(float(value)) if isinstance(value, str) else finite(value)
    except ValueError:
        return None


def neighbours(case: Case, pictures: Pictures, among: str = "in training") -> Content:
    """The images most like a case, each with its class or its several labels."""
    found = listing(case, "neighbours")[:MOST_NEIGHBOURS]
    if not found:
        return None
    items = []
    for each in found:
        label = names(each.get("class"), 24)
        distance = finite(each.get("distance"))
        far = "" if distance is None else f", distance {number(round(distance, 3))}"
        alt = f"image {names(each.get('id'), 80)}: {label}"
        shot = picture(pictures, each.get("picture"), alt, side=THUMB, class_="thumb")
        who = tag("span", name(label), class_=f"who{_side(case, each.get('class'))}")
        items.append(tag("li", shot, who, title=f"{names(each.get('id'), 120)}{far}"))
    return tag("div", tag("p", f"nearest {among}"), tag("ul", items), class_="neighbours")


def _side(case: Case, label: object) -> str:
    """Whether a neighbour is of the true class or of the one that was answered instead; in a case
    about one of several labels, whether it has that label too."""
    if isinstance(label, list):
        about = case.get("about")
        return "" if about not in label else " true" if about in case["true"] else " false"
    kind = {names(case.get("predicted"), 24): " false", names(case.get("true"), 24): " true"}
    return kind.get(names(label, 24), "")


def answers(report: Report) -> Section | None:
    """Regression: every answer against its truth."""
    known = section_of(section_of(report, "curves"), "predicted_against_true")
    pairs = [
        (x, y)
        for x, y in zip(known.get("x") or (), known.get("y") or (), strict=False)
        if finite(x) is not None and finite(y) is not None
    ]
    if not pairs:
        return None
    drawn = scatter("answers-chart", "Answer against truth", *zip(*pairs, strict=True))
    note = tag("p", "Every dot is a test image. On the dashed line the answer is the truth.")
    return Section("answers", "Answer against truth", tag("figure", drawn), note)

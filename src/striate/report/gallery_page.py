"""A gallery as one page: class by class where the network looks, and for which images it answers
surely, wrongly and unsurely."""

from collections.abc import Mapping, Sequence
from typing import Any

from striate.report.markup import Content, Markup, tag
from striate.report.page import document
from striate.report.parts import Pictures, Section, images, listing, name, path, section_of
from striate.report.pictures import picture
from striate.report.sections.galleries import neighbours
from striate.report.words import count, counted, finite, names, percent

SHOT = 200  # pixels kept of the longest side

SCALE = (
    "Where a map is bright, the picture speaks for what is written under it. Maps with blue and "
    "red have both sides: red speaks for it, blue against it."
)
Facts = Mapping[str, Any]


def gallery_page(facts: Facts, pictures: Pictures) -> str:
    """The page for what `tasks.explain_gallery` found.

    Args:
        facts: `name` of the model, its `task`, `data`, `created`, `images`, `right`, `classes`,
            `left_out`, `among` (what neighbours are taken from) and `notes`.
        pictures: PNG files by the keys that the facts name.
    """
    classes = listing(facts, "classes")
    among = str(facts.get("among") or "")
    known = [_class(each, turn, pictures, among) for turn, each in enumerate(classes)]
    title = f"Where {names(facts.get('name'))} looks"
    made = (
        "Made by Striate. A map shows what the method found, which need not be what the network "
        "uses: compare methods, and ask for their faithfulness with --quality."
    )
    return document(
        f"{title} – Striate gallery", _masthead(facts), _opening(facts, title), known, made,
        start="summary",
    )  # fmt: skip


def _masthead(facts: Facts) -> Markup:
    made = str(facts.get("created") or "")
    return tag(
        "header",
        tag("span", "Striate", class_="brand"),
        tag("b", tag("bdi", names(facts.get("name")))),
        tag("span", "on ", tag("bdi", names(facts.get("data")))),
        tag("time", made[:10], datetime=made) if made else None,
        class_="masthead",
    )


def _opening(facts: Facts, title: str) -> list[Content]:
    """How many were right, where classes have a place of their own, and what was left out."""
    total, right = int(facts.get("images") or 0), int(facts.get("right") or 0)
    said = f"It answered {count(right)} of {images(total)} rightly."
    if facts.get("task") == "multi_label":
        said = f"It answered all labels rightly on {count(right)} of {images(total)}."
    found: list[Content] = [tag("h1", title), tag("p", said, class_="lead")]
    places = [
        tag("li", tag("a", str(sentence), href=f"#class-{turn}"))
        for turn, each in enumerate(listing(facts, "classes"))
        for sentence in each.get("sentences") or ()
    ]
    if places:
        why = (
            "One place decides most images of a class. That may be where its object always is, or "
            "a mark, a border or a label that gives the class away:"
        )
        found += [tag("p", why), tag("ul", places, class_="because")]
    left_out = [str(each) for each in facts.get("left_out") or ()]
    if left_out:
        hidden = counted(len(left_out), "class is", "classes are")
        found.append(
            tag("p", f"{hidden} left out, which it answers better: "
                f"{names(left_out[:8])}{' …' if len(left_out) > 8 else ''}. Name classes with "
                "--only to see them.")
        )  # fmt: skip
    found += [tag("p", str(note)) for note in facts.get("notes") or ()]
    found.append(tag("p", SCALE))
    return found


def _class(entry: Facts, turn: int, pictures: Pictures, among: str) -> Section:
    kinds = [_kind(kind, pictures, among) for kind in listing(entry, "kinds")]
    body = Markup(_mean(entry, pictures) + "".join(kinds))
    total, right = int(entry.get("images") or 0), int(entry.get("right") or 0)
    said = f"{count(right)} of {images(total)} answered rightly."
    if others := int(entry.get("others") or 0):
        falsely = int(entry.get("named_falsely") or 0)
        said = (
            f"Found on {count(right)} of {images(total)} that have it, and named falsely on "
            f"{count(falsely)} of the {count(others)} others."
        )
    return Section(f"class-{turn}", names(entry.get("name"), 40), body, tag("p", said), wide=True)


def _mean(entry: Facts, pictures: Pictures) -> Markup:
    """The mean picture and the mean maps: what all images of a class have in common."""
    means = section_of(entry, "means")
    total, label = int(means.get("images") or 0), names(entry.get("name"), 40)
    maps = listing(means, "maps")
    shots = [_shot(pictures, means.get("picture"), f"mean of {images(total)} of {label}", "mean")]
    shots += [
        _shot(pictures, each.get("picture"), f"mean map of {label}", _method(each)) for each in maps
    ]
    said = [tag("p", tag("b", each["sentence"])) for each in maps if each.get("sentence")]
    words = f"The mean of {images(total)}, and of what speaks for “{label}” in them."
    return tag(
        "figure",
        tag("div", shots, class_="shots many"),
        tag("figcaption", said, tag("p", words)),
        class_="mean",
    )


def _kind(kind: Facts, pictures: Pictures, among: str) -> Markup:
    cases = listing(kind, "cases")
    if not cases:
        return Markup()
    hidden = int(kind.get("images") or 0) - len(cases)
    left = f"{counted(hidden, 'more image is', 'more images are')} not shown." if hidden > 0 else ""
    return Markup(
        tag("h3", str(kind.get("title")))
        + tag("div", [_card(case, pictures, among) for case in cases], class_="gallery looked")
        + (tag("p", left, class_="more") if left else "")
    )


def _card(case: Facts, pictures: Pictures, among: str) -> Markup:
    true, answered = names(case.get("true"), 40), names(case.get("predicted"), 40)
    alt = f"truly {true}, answered {answered}"
    shots = [_shot(pictures, case.get("picture"), alt, "")]
    for each in listing(case, "maps"):
        method, target = _method(each), names(each.get("target"), 40)
        shots.append(
            _shot(pictures, each.get("picture"), f"what speaks for {target} by {method}", method)
        )
    told = _words if case.get("about") is None else _words_of_several
    words = tag("figcaption", told(case, true, answered), tag("p", path(case.get("id"))))
    near_pixels = listing(case, "near_pixels")
    return tag(
        "figure",
        tag("div", shots, class_="shots many"),
        words,
        neighbours(case, pictures, f"for the network, {among}"),
        neighbours({**case, "neighbours": near_pixels}, pictures, f"by pixels, {among}"),
    )


def _words(case: Facts, true: str, answered: str) -> Markup:
    """Truth, answer and the next answer in words, so that nothing rests on a colour."""
    sure = percent(finite(case.get("probability")))
    second = f"{names(case.get('second'), 40)} {percent(finite(case.get('second_probability')))}"
    if true == answered:
        said: Sequence[Content] = ("rightly ", tag("b", name(true), class_="true"), f", {sure}")
    else:
        said = (
            tag("b", name(true), class_="true"),
            " taken for ",
            tag("b", name(answered), class_="false"),
            f", {sure}",
        )
    return tag("p", *said, tag("span", f"; then {second}", class_="then"))


def _words_of_several(case: Facts, true: str, answered: str) -> Markup:
    """Whether the class was found, how probable it was, and all labels and answers."""
    about = case["about"]
    there, named = about in case["true"], about in case["predicted"]
    if there:
        verdict = "found" if named else "missed"
    else:
        verdict = "named falsely" if named else "rightly not named"
    label = tag("b", name(names(about, 40)), class_="true" if there == named else "false")
    labels = f"has {true}; answered {'the same' if true == answered else answered}"
    return Markup(
        tag("p", label, f" {verdict}, {percent(finite(case.get('probability')))}")
        + tag("p", labels, class_="then")
    )


def _shot(pictures: Pictures, key: object, alt: str, label: str) -> Markup:
    """A picture with what it is beneath it."""
    under = tag("span", label, class_="method") if label else None
    return tag("div", picture(pictures, key, alt, side=SHOT), under)


def _method(each: Facts) -> str:
    return str(each.get("method")).replace("_", " ")

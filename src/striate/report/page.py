"""The report as one page that stands alone: no request leaves it, no script runs in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from striate.errors import FileError
from striate.report.alone import alone
from striate.report.markup import Content, Markup, tag, text
from striate.report.parts import Section
from striate.report.sections import sections
from striate.report.sections.numbers import opening
from striate.report.words import names

FORMAT = 1


def page(report: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The content of `report.html` for a report and the pictures its galleries name.

    Args:
        report: the content of `report.json`; parts that are missing or null are left out.
        pictures: PNG files by the keys that the report's galleries use.
    Raises:
        FileError: the report has another format than this version of Striate writes.
    """
    if report.get("format") != FORMAT:
        raise FileError(
            "report-format",
            f"The report has format {report.get('format')!r}; this version reads {FORMAT}.",
            "Use the version of Striate that wrote it, or evaluate the run again.",
        )
    made = (
        "Made by Striate. Everything on this page can be computed again from predictions.parquet; "
        "the same numbers are in report.json."
    )
    return document(
        f"{names(report.get('name'))} – Striate report",
        _masthead(report),
        opening(report),
        sections(report, pictures),
        made,
        start="verdict",
    )


def document(
    title: str,
    masthead: Content,
    first: Content,
    known: Sequence[Section],
    made: Content,
    *,
    start: str,
) -> str:
    """A whole page that stands alone.

    Args:
        first: what it says above all sections.
        made: the line at its foot.
        start: what the first part is called, for those who skip to it.
    """
    return alone(
        title,
        tag("a", f"Skip to the {start}", href=f"#{start}", class_="skip"),
        masthead,
        tag("nav", _contents(known), aria_label="Contents"),
        tag("main", tag("div", first, id=start, class_="verdict"), _sections(known)),
        tag("footer", tag("p", made)),
        style="page.css",
    )


def _masthead(report: Mapping[str, Any]) -> Markup:
    made = str(report.get("created") or "")
    day = made[:10] if len(made) >= 10 else made
    kinds = {"single_label": "one label per image", "multi_label": "several labels per image"}
    task = str(report.get("task") or "")
    parts: list[Content] = [tag("b", tag("bdi", names(report.get("name"))))]
    parts += [tag("span", kinds.get(task, task.replace("_", " "))) if task else None]
    parts += [tag("time", day, datetime=made) if day else None]
    return tag("header", tag("span", "Striate", class_="brand"), *parts, class_="masthead")


def _sections(known: Sequence[Section]) -> list[Markup]:
    return [_section(each, turn / len(known)) for turn, each in enumerate(known)]


def _section(section: Section, turn: float) -> Markup:
    heading = tag("h2", _mark(turn), section.title, id=f"{section.key}-heading")
    note = tag("aside", section.note, class_="note") if section.note else None
    body = tag("div", section.body, class_="body")
    return tag(
        "section",
        heading,
        (note, body) if section.wide else (body, note),
        id=section.key,
        class_="wide" if section.wide else None,
        aria_labelledby=f"{section.key}-heading",
    )


def _mark(turn: float) -> Markup:
    """A stroke that turns from section to section, as the cells of the striate cortex do."""
    line = tag("path", d="M0 -7V7", transform=f"rotate({180 * turn:.0f})")
    return tag("svg", line, class_="mark", viewBox="-8 -8 16 16", aria_hidden="true")


def _contents(known: Sequence[Section]) -> Markup:
    items = [
        tag("li", tag("a", _mark(turn / len(known)), each.title, href=f"#{each.key}"))
        for turn, each in enumerate(known)
    ]
    return tag("ol", text(items))

"""What sections are made of: the section itself, tables that scroll alone, folded parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from striate.report.markup import Content, Markup, tag
from striate.report.words import count, counted

Report = Mapping[str, Any]
Pictures = Mapping[str, bytes]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        key: its anchor.
        note: plain language for the margin, on a phone above the body.
        wide: the body takes the margin as well and the note stands above it.
    """

    key: str
    title: str
    body: Markup
    note: Content = None
    wide: bool = False


def table(
    caption: Content,
    columns: Sequence[str],
    rows: Sequence[Sequence[Content]],
    *,
    numeric: Sequence[int] = (),
    hidden: int = 0,
    class_: str = "",
) -> Markup:
    """A table whose first column names its rows; `hidden` says how many more there are."""
    head = [
        tag("th", each, scope="col", class_="num" if i in numeric else None)
        for i, each in enumerate(columns)
    ]
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            [
                tag("td", cell, class_="num" if i in numeric else None)
                for i, cell in enumerate(row[1:], start=1)
            ],
        )
        for row in rows
    ]
    whole = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", head)),
        tag("tbody", body),
        class_=class_ or None,
    )
    return Markup(scrolling(whole, "table, scrolls sideways") + more(hidden))


def scrolling(content: Content, label: str) -> Markup:
    """A region of its own that scrolls sideways where the screen is narrow, by keyboard as well."""
    return tag("div", content, class_="scroll", role="region", tabindex=0, aria_label=label)


def more(hidden: int) -> Markup:
    """The note under anything that was cut short."""
    if hidden <= 0:
        return Markup()
    return tag("p", f"{count(hidden)} more in report.json.", class_="more")


def folded(summary: str, *content: Content, open_: bool = False) -> Markup:
    """A part that opens on demand."""
    return tag("details", tag("summary", summary), *content, open=open_)


def facts(pairs: Sequence[tuple[str, Content]]) -> Markup:
    """Name and value pairs, one line each; pairs without a value are left out."""
    kept = [(name, value) for name, value in pairs if value not in (None, "", "–")]
    lines = [tag("div", tag("dt", name), tag("dd", value)) for name, value in kept]
    return tag("dl", lines, class_="facts") if lines else Markup()


def name(text: object) -> Markup:
    """A class or other foreign name: kept apart from the direction of the text around it.

    Long names may break after an underscore.
    """
    parts = str(text).split("_")
    broken = [(part, "_", tag("wbr")) for part in parts[:-1]]
    return tag("bdi", broken, parts[-1])


def path(text: object) -> Markup:
    """A file's path or a record's id."""
    return tag("bdi", str(text), class_="path")


def listing(report: Report, key: str) -> list[Mapping[str, Any]]:
    """The list of objects under a key; empty where it is missing or null."""
    found = report.get(key)
    return [each for each in found or () if isinstance(each, Mapping)]


def section_of(report: Report, key: str) -> Mapping[str, Any]:
    """The object under a key; empty where it is missing or null."""
    found = report.get(key)
    return found if isinstance(found, Mapping) else {}


def images(number: int) -> str:
    """`1 image`, `270 images`."""
    return counted(number, "image")

"""Which classes are taken for which: the matrix, or the most confused pairs of many classes."""

from collections.abc import Sequence
from typing import Any

from striate.report.markup import Content, Markup, tag
from striate.report.parts import Report, Section, more, name, scrolling, table
from striate.report.pictures import heat_map
from striate.report.words import count, percent, shorten

READABLE = 20  # classes up to which every cell is written out
PAIRS = 20

Matrix = Sequence[Sequence[int]]


def confusion(report: Report) -> Section | None:
    """Confusion matrix, rows are the truth."""
    classes = [str(each) for each in report.get("classes") or ()]
    matrix = _square(report.get("confusion_matrix"), len(classes))
    if matrix is None:
        return None
    pairs = confused_pairs(matrix)
    if len(classes) <= READABLE:
        body = Markup(_sentence(pairs, matrix, classes) + _grid(matrix, classes))
    else:
        alt = (
            f"Confusion matrix of {len(classes)} classes as a heat map; the table of pairs "
            "beside it says the same in words."
        )
        picture = tag(
            "figure",
            heat_map(matrix, alt),
            tag("figcaption", "Rows are the true classes, columns the answers, both in "
                "the order of their names. Blue on the diagonal is right, orange off it is wrong."),
            class_="heatmap",
        )  # fmt: skip
        body = Markup(_sentence(pairs, matrix, classes) + picture + _pairs(pairs, matrix, classes))
    note = tag(
        "p",
        "Read along a row: of all images that truly are one class, how many were given which "
        "answer. The diagonal is right; everything beside it is a mix-up.",
    )
    return Section("confusion", "What is taken for what", body, note)


def _square(matrix: Any, classes: int) -> Matrix | None:
    """The matrix if it is one row and one column per class, of two classes or more."""
    if not isinstance(matrix, list) or classes < 2 or len(matrix) != classes:
        return None
    return matrix if all(len(row) == classes for row in matrix) else None


def confused_pairs(matrix: Matrix) -> list[tuple[int, int, int]]:
    """(images, true, answered) of every mix-up, the most frequent first.

    >>> confused_pairs([[8, 2, 0], [5, 5, 0], [0, 0, 3]])
    [(5, 1, 0), (2, 0, 1)]
    """
    found = [
        (cell, row, column)
        for row, cells in enumerate(matrix)
        for column, cell in enumerate(cells)
        if cell and row != column
    ]
    return sorted(found, key=lambda each: (-each[0], each[1:]))


def _sentence(pairs: list[tuple[int, int, int]], matrix: Matrix, classes: list[str]) -> Markup:
    if not pairs:
        return tag("p", "No test image was taken for another class.")
    images, true, answered = pairs[0]
    total = sum(matrix[true])
    return tag(
        "p",
        "The most frequent mix-up: ",
        tag("b", name(shorten(classes[true], 40))),
        " taken for ",
        tag("b", name(shorten(classes[answered], 40))),
        f", {count(images)} of {count(total)} images.",
    )


def _grid(matrix: Matrix, classes: list[str]) -> Markup:
    """The matrix as a table: counts in every cell, shaded by their share of the row."""
    head: list[Content] = [tag("td", "true\u00a0↓ answer\u00a0→", class_="corner")]
    longest = max(map(len, classes))
    level = longest <= 2 or (len(classes) <= 6 and longest <= 8)
    style = ["matrix", "level" if level else "upright-heads", "few" if len(classes) < 5 else ""]
    for each in classes:
        head.append(tag("th", tag("span", name(shorten(each, 24)), title=each), scope="col"))
    rows = []
    for true, cells in enumerate(matrix):
        total = sum(cells)
        label = tag("th", name(shorten(classes[true], 24)), scope="row", title=classes[true])
        rows.append(tag("tr", label, [_cell(c, total, i == true) for i, c in enumerate(cells)]))
    whole = tag(
        "table",
        tag("caption", "Test images by true class and answer; a stronger shade is a larger share "
            "of the row. Right answers stand framed on the diagonal."),
        tag("thead", tag("tr", head)),
        tag("tbody", rows),
        class_=" ".join(filter(None, style)),
    )  # fmt: skip
    return scrolling(whole, "confusion matrix, scrolls sideways")


def _cell(images: int, total: int, right: bool) -> Markup:
    share = images / total if total else 0.0
    level = min(9, round(9 * share**0.6)) if images else 0
    depth = f"{'r' if right else 'w'}{max(level, 1)}" if images else "zero"
    said = f"{count(images)} of {count(total)}, {percent(share)}"
    kind = "right " if right else ""
    return tag("td", count(images) if images else "·", class_=f"{kind}{depth}", title=said)


def _pairs(pairs: list[tuple[int, int, int]], matrix: Matrix, classes: list[str]) -> Markup:
    rows = [
        (
            name(shorten(classes[true], 60)),
            name(shorten(classes[answered], 60)),
            count(images),
            percent(images / sum(matrix[true])),
        )
        for images, true, answered in pairs[:PAIRS]
    ]
    if not rows:
        return Markup()
    hidden = len(pairs) - len(rows)
    columns = ("True class", "taken for", "images", "of the class")
    shown = table("The most confused pairs", columns, rows, numeric=(2, 3))
    return Markup(shown + more(hidden))

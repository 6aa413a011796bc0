"""What the data check found, used and left out."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from striate.report.markup import Content, Markup, tag
from striate.report.parts import (
    Report,
    Section,
    folded,
    listing,
    name,
    path,
    section_of,
    table,
)
from striate.report.words import count, counted, finite, shorten, spoken_reason

MOST_FILES, MOST_CLASSES, MOST_EXAMPLES = 1_000, 40, 5
SPLITS = ("train", "val", "test")
SPLIT_WORDS = {"train": "to learn from", "val": "to watch training", "test": "to judge at the end"}
SEVERITIES = {"error": "✕ error", "warning": "! warning", "note": "· note"}


def data(report: Report) -> Section | None:
    """Found = used + excluded, the split, the findings and every excluded file."""
    known = section_of(report, "data")
    if not known:
        return None
    body = [
        _account(known),
        _splits(section_of(known, "by_split")),
        _findings(known),
        _excluded(known),
        _by_class(section_of(known, "by_class")),
    ]
    note = tag(
        "p",
        "Every file was opened and decoded before training. Nothing was changed on the disk; "
        "what could not be used was left out, and is listed with its reason.",
    )
    return Section("data", "The images", tag("div", body), note)


def _account(known: Mapping[str, Any]) -> Content:
    found, used, left = (finite(known.get(k)) for k in ("found", "used", "excluded"))
    if found is None or used is None:
        return None
    left = found - used if left is None else left
    source = known.get("source")
    return tag(
        "p",
        f"{count(found)} found",
        [" in ", path(source)] if source else None,
        f" = {count(used)} used + {count(left)} left out.",
        class_="account",
    )


def _splits(by_split: Mapping[str, Any]) -> Content:
    sizes = {str(k): int(v) for k, v in by_split.items() if finite(v) is not None}
    total = sum(sizes.values())
    if not total:
        return None
    order = sorted(sizes, key=lambda s: (SPLITS.index(s) if s in SPLITS else 9, s))
    items = [
        tag("div", tag("dt", s), tag("dd", count(sizes[s]), tag("span", SPLIT_WORDS.get(s))))
        for s in order
    ]
    return tag("dl", items, class_="splits")


def _findings(known: Mapping[str, Any]) -> Content:
    order = list(SEVERITIES)
    found = sorted(
        listing(known, "findings"),
        key=lambda f: order.index(f["severity"]) if f.get("severity") in order else 9,
    )
    if not found:
        return None
    return tag("ul", [_finding(each) for each in found], class_="findings")


def _finding(finding: Mapping[str, Any]) -> Markup:
    severity = str(finding.get("severity"))
    examples = [str(e) for e in finding.get("examples") or ()]
    shown: list[Content] = []
    for each in examples[:MOST_EXAMPLES]:
        shown += [", " if shown else None, path(shorten(each, 90))]
    if len(examples) > MOST_EXAMPLES:
        shown.append(f" and {count(len(examples) - MOST_EXAMPLES)} more")
    return tag(
        "li",
        tag("span", SEVERITIES.get(severity, severity), class_=f"severity {_kind(severity)}"),
        tag("span", str(finding.get("sentence") or finding.get("code"))),
        tag("span", shown, class_="examples") if shown else None,
    )


def _kind(severity: str) -> str:
    return severity if severity in SEVERITIES else "note"


def _excluded(known: Mapping[str, Any]) -> Content:
    files = listing(known, "excluded_files")
    if not files:
        return None
    reasons = Counter(spoken_reason(f) for f in files)
    said = ", ".join(f"{count(n)} {reason}" for reason, n in reasons.most_common())
    rows = [
        (path(f.get("path")), spoken_reason(f), str(f.get("detail") or ""))
        for f in files[:MOST_FILES]
    ]
    listed = table(
        "Files that were left out",
        ("File", "reason", "in words"),
        rows,
        hidden=len(files) - len(rows),
        class_="files",
    )
    title = f"{counted(len(files), 'file')} left out: {shorten(said, 160)}"
    return folded(title, listed, open_=len(files) <= 8)


def _by_class(by_class: Mapping[str, Any]) -> Content:
    kept = {str(c): s for c, s in by_class.items() if isinstance(s, Mapping)}
    if not kept:
        return None
    splits = [s for s in SPLITS if any(s in sizes for sizes in kept.values())]
    rows = [
        (name(shorten(c, 80)), *(count(finite(sizes.get(s)) or 0) for s in splits))
        for c, sizes in list(kept.items())[:MOST_CLASSES]
    ]
    listed = table(
        "Images of each class in each part",
        ("Class", *splits),
        rows,
        numeric=range(1, len(splits) + 1),
        hidden=len(kept) - len(rows),
    )
    return folded(f"Images of each of the {count(len(kept))} classes", listed)

"""How often the test images were looked at, and how to get the same result again."""

from collections.abc import Mapping
from typing import Any

from striate.report.markup import Content, Markup, tag, text
from striate.report.parts import Report, Section, facts, listing, section_of, table
from striate.report.words import count, names, visible


def openings(report: Report) -> Section | None:
    """The log of the sealed test part."""
    log = listing(report, "test_openings")
    if not log:
        return None
    times = "once" if len(log) == 1 else f"{count(len(log))} times"
    rows = [(names(each.get("when")), names(each.get("by"), 120)) for each in log[-50:]]
    body = [
        tag("p", f"The test images were opened {times}."),
        table("Openings of the test part", ("When", "by"), rows, hidden=len(log) - len(rows)),
    ]
    note = tag(
        "p",
        "A test is honest once. Whoever chooses among models by looking at the test numbers again "
        "and again tunes to the test, and the numbers begin to flatter.",
    )
    return Section("openings", "How often the test was opened", tag("div", body), note)


def reproduce(report: Report) -> Section | None:
    """Command, seed and fingerprint."""
    known = section_of(report, "reproduce")
    if not known:
        return None
    command, seed = known.get("command"), known.get("seed")
    body: list[Content] = []
    if command:
        lines = "\n".join(visible(line) for line in str(command).splitlines())
        body.append(tag("pre", _code(lines)))
    pairs: list[tuple[str, Content]] = [("Seed", None if seed is None else str(seed))]
    pairs += _flat(section_of(known, "fingerprint"))
    pairs.append(("Striate", names(report.get("version"))))
    body.append(facts(pairs))
    note = tag(
        "p",
        "On the same machine with the same versions and number of threads, this command gives "
        "the same weights, bit for bit. Elsewhere the last digits may differ.",
    )
    return Section("reproduce", "To get it again", tag("div", body), note)


def _code(lines: str) -> Content:
    return tag("code", Markup("\n".join(text(line) for line in lines.split("\n"))))


def _flat(fingerprint: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Content]]:
    pairs: list[tuple[str, Content]] = []
    for key, value in fingerprint.items():
        label = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{label} ")
        else:
            pairs.append((label, names(value, 120)))
    return pairs

"""What a person should know about a dataset before training on it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from striate.data.dataset import SPLITS, Dataset, FileVerdict
from striate.data.facts import Facts

FEW_IMAGES = 10  # usable images of a class that are worth a warning
LEAST_TO_SPLIT = 3  # below, a class stays in the training part
UNEVEN, VERY_UNEVEN = 3, 10  # most frequent class / rarest class
LONG = 3  # long side / short side
SMALL = 4  # median of the short sides / short side
EXAMPLES = 5
KINDS = {
    "grey": "greyscale",
    "16-bit": "16 bits deep: scaled to 8 bits by the full range",
    "float": "in floating point: scaled to 8 bits",
    "alpha": "transparent: laid on the background colour",
    "palette": "in palette colours",
    "cmyk": "in CMYK: converted without colour profile",
    "lab": "in Lab colours: converted",
    "animated": "animated: the first frame is used",
    "pages": "of several pages: the first is used",
    "exif-rotated": "turned or mirrored by EXIF, which is applied",
    "damaged-metadata": "with damaged metadata, which are ignored",
}
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One sentence about the data.

    Args:
        code: stable, such as `near-duplicates-across-splits`.
        severity: an `error` stops training.
        examples: ids or class names, a few.
    """

    code: str
    severity: Severity
    sentence: str
    examples: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return vars(self) | {"examples": list(self.examples)}


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the check knows when findings are drawn: `copies` are groups of equal content."""

    dataset: Dataset
    facts: Sequence[Facts]
    copies: list[list[int]]
    group: np.ndarray
    kept: np.ndarray
    records: tuple[FileVerdict, ...]
    skipped: tuple[FileVerdict, ...]

    def names(self, records: Iterable[int]) -> tuple[str, ...]:
        """The first few ids."""
        return tuple(self.dataset.ids[i] for i in list(records)[:EXAMPLES])


def all_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Every finding, errors first, then warnings, then notes."""
    parts = (_excluded, _classes, _class_sizes, _conflicting, _across, _within, _sizes, _kinds)
    found = [finding for part in parts for finding in part(evidence)]
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: rank[finding.severity]))


def plural(count: int, one: str, many: str = "") -> str:
    """`1 image`, `1,200 images`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def are(count: int, one: str) -> str:
    """`1 image is`, `2 images are`."""
    return f"{plural(count, one)} {'is' if count == 1 else 'are'}"


def listed(names: Sequence[str], most: int = EXAMPLES) -> str:
    """`'a', 'b' and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _excluded(e: Evidence) -> Iterator[Finding]:
    kinds: tuple[tuple[str, Severity, tuple[FileVerdict, ...]], ...] = (
        ("excluded", "warning", e.records),
        ("skipped", "note", e.skipped),
    )
    for code, severity, verdicts in kinds:
        out = [verdict for verdict in verdicts if verdict.status == "excluded"]
        reasons = Counter(verdict.reason for verdict in out)
        told = ", ".join(
            f"{r} {reasons[r]:,}" for r in sorted(reasons, key=lambda r: (-reasons[r], r))
        )
        if out:
            what = f"{are(len(out), 'file')} left out: {told}."
            yield Finding(code, severity, what, tuple(v.path for v in out[:EXAMPLES]))
    if not len(e.kept):
        yield Finding("no-usable-image", "error", "Not a single image can be used.")


def _classes(e: Evidence) -> Iterator[Finding]:
    """Classes that differ between the given splits, by their records before exclusion."""
    data = e.dataset
    if data.task == "regression":
        return
    present = {s: _present(data, data.where(s)) for s in SPLITS if len(data.where(s))}
    train = present.pop("train", set())
    for split, there in present.items():
        if not train:
            continue
        for missing, here, away in (
            (there - train, split, "train"),
            (train - there, "train", split),
        ):
            names = [data.classes[k] for k in sorted(missing)]
            if names:
                yield Finding(
                    "classes-differ",
                    "error" if data.task == "single_label" else "warning",
                    f"{away} has no image of what {here} has: {listed(names)}.",
                    tuple(names[:EXAMPLES]),
                )


def _present(data: Dataset, records: np.ndarray) -> set[int]:
    if data.task == "multi_label":
        return set(np.flatnonzero(data.labels[records].any(axis=0)).tolist())
    return set(np.unique(data.labels[records]).tolist()) - {-1}


def _class_sizes(e: Evidence) -> Iterator[Finding]:
    data = e.dataset
    if data.task == "regression" or not data.classes:
        return
    counts = _counts(data, e.kept)
    by_name = dict(zip(data.classes, counts.tolist(), strict=True))
    empty = [name for name, count in by_name.items() if not count]
    single = [name for name, count in by_name.items() if 0 < count < LEAST_TO_SPLIT]
    few = [name for name, count in by_name.items() if LEAST_TO_SPLIT <= count < FEW_IMAGES]
    if empty:
        what = f"No usable image of {listed(empty)}: left out of the classes."
        yield Finding("class-empty", "warning", what, tuple(empty[:EXAMPLES]))
    if single:
        what = f"Fewer than {LEAST_TO_SPLIT} usable images of {listed(single)}: too few to split."
        yield Finding("class-too-small", "warning", what, tuple(single[:EXAMPLES]))
    if few:
        what = f"Fewer than {FEW_IMAGES} usable images of {listed(few)}: little can be learnt."
        yield Finding("few-images", "warning", what, tuple(few[:EXAMPLES]))
    if (counts > 0).sum() > 1:
        yield from _imbalance({name: count for name, count in by_name.items() if count})


def _counts(data: Dataset, records: np.ndarray) -> np.ndarray:
    """Records of each class: int64 [classes]."""
    if data.task == "multi_label":
        return data.labels[records].sum(axis=0).astype(np.int64)
    known = data.labels[records]
    return np.bincount(known[known >= 0], minlength=len(data.classes))


def _imbalance(by_name: dict[str, int]) -> Iterator[Finding]:
    most, least = max(by_name, key=by_name.__getitem__), min(by_name, key=by_name.__getitem__)
    ratio = by_name[most] / by_name[least]
    if ratio >= UNEVEN:
        yield Finding(
            "imbalance",
            "warning" if ratio >= VERY_UNEVEN else "note",
            f"Classes are uneven: {by_name[most]:,} of {most!r}, {by_name[least]:,} of {least!r} "
            f"({ratio:.1f} times).",
            (most, least),
        )


def _conflicting(e: Evidence) -> Iterator[Finding]:
    out = [i for i, verdict in enumerate(e.records) if verdict.reason == "conflicting-labels"]
    if out:
        yield Finding(
            "conflicting-duplicates",
            "warning",
            f"{are(len(out), 'file')} left out: the same content comes with different labels.",
            e.names(out),
        )
    if e.dataset.task == "regression":
        return
    kept = set(e.kept.tolist())
    near = [
        group
        for group in _groups(e.group, kept)
        if len({e.dataset.label_text(i) for i in group}) > 1
    ]
    if near:
        yield Finding(
            "near-duplicates-labels-differ",
            "warning",
            f"{plural(len(near), 'group')} of nearly equal images have different labels: "
            "one of them may be wrong.",
            e.names(near[0]),
        )


def _groups(group: np.ndarray, kept: set[int]) -> list[list[int]]:
    """Near-duplicate groups of usable records, two or more each."""
    found: dict[int, list[int]] = {}
    for record in np.flatnonzero(group >= 0).tolist():
        if record in kept:
            found.setdefault(int(group[record]), []).append(record)
    return [records for records in found.values() if len(records) > 1]


def _across(e: Evidence) -> Iterator[Finding]:
    """Images of one split that are found in another."""
    kept = set(e.kept.tolist())
    exact = [[i for i in copies if i in kept] for copies in e.copies]
    same = {i for copies in exact for i in copies}
    for code, groups, what in (
        ("duplicates-across-splits", exact, "exact copies"),
        ("near-duplicates-across-splits", _groups(e.group, kept), "near-duplicates"),
    ):
        for one, other in (("test", "train"), ("val", "train"), ("test", "val")):
            leaked = []
            for group in groups:
                splits = {e.dataset.split[i] for i in group}
                if {one, other} <= splits:
                    leaked += [i for i in group if e.dataset.split[i] == one]
            if code.startswith("near"):
                leaked = [i for i in leaked if i not in same]
            if leaked:
                yield Finding(
                    code,
                    "warning",
                    f"{plural(len(leaked), 'image')} of {one} "
                    f"{'has' if len(leaked) == 1 else 'have'} {what} in {other}: scores on "
                    f"{one} will look better than they are.",
                    e.names(leaked),
                )


def _within(e: Evidence) -> Iterator[Finding]:
    kept = set(e.kept.tolist())
    exact = [group for copies in e.copies if len(group := [i for i in copies if i in kept]) > 1]
    if exact:
        spare = sum(len(group) - 1 for group in exact)
        what = f"{are(spare, 'image')} equal to another, byte for byte."
        yield Finding("duplicates", "note", what, e.names(exact[0]))
    near = _groups(e.group, kept)
    if len(near) > len(exact):
        what = f"{plural(len(near), 'group')} of nearly equal images; a group is never split."
        largest = max(near, key=len)
        yield Finding("near-duplicates", "note", what, e.names(largest))


def _sizes(e: Evidence) -> Iterator[Finding]:
    if not len(e.kept):
        return
    sides = np.array([(e.facts[i].height, e.facts[i].width) for i in e.kept.tolist()])
    short, long = sides.min(axis=1), sides.max(axis=1)
    stretched = e.kept[long >= LONG * short]
    if len(stretched):
        what = f"{are(len(stretched), 'image')} at least {LONG} times as long as wide."
        yield Finding("odd-shape", "note", what, e.names(stretched.tolist()))
    median = int(np.median(short))
    small = e.kept[short * SMALL <= median]
    if len(small):
        what = f"{are(len(small), 'image')} much smaller than the rest (median {median} pixels)."
        yield Finding("odd-size", "warning", what, e.names(small.tolist()))
    channels = Counter(e.facts[i].channels for i in e.kept.tolist())
    if len(channels) > 1 and set(channels) - {1, 3}:
        told = ", ".join(f"{count:,} with {number}" for number, count in sorted(channels.items()))
        yield Finding("channels-differ", "error", f"Images differ in channels: {told}.")


def _kinds(e: Evidence) -> Iterator[Finding]:
    by_kind: dict[str, list[int]] = {}
    for i in e.kept.tolist():
        for note in e.facts[i].notes:
            by_kind.setdefault(note.split(":")[0], []).append(i)
    for kind, records in by_kind.items():
        if len(records) == len(e.kept) and kind in ("grey", "palette"):
            continue  # all are: nothing odd
        what = f"{are(len(records), 'image')} {KINDS[kind]}."
        yield Finding(f"kind-{kind}", "note", what, e.names(records))

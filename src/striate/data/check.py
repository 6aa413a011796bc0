"""The data check: every image is decoded before training, and each file is accounted for."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.dataset import ArrayStore, Dataset, FileVerdict
from striate.data.decode import PIXEL_CAP
from striate.data.duplicates import near_groups, same_content
from striate.data.facts import LEAST_SIDE, Facts, examine
from striate.data.findings import Evidence, Finding, all_findings
from striate.data.verdicts import FactsCache, default_cache
from striate.errors import DataError
from striate.files import sha256_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What the data check found; n records.

    Args:
        files: one verdict for each record, in order, then one for each skipped file.
        kept: numbers of the records to use, ascending.
        findings: what a person should know, errors first.
        near_duplicate_group: [n] records with the same number show (nearly) the same; -1 alone.
        sizes: height and width in pixels, channels; 0 where excluded. int32 [n, 3]
    """

    files: tuple[FileVerdict, ...]
    kept: np.ndarray
    findings: tuple[Finding, ...]
    near_duplicate_group: np.ndarray
    sizes: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """found = used + excluded."""
        used = len(self.kept)
        return {"found": len(self.files), "used": used, "excluded": len(self.files) - used}

    def to_json(self) -> dict[str, Any]:
        """The content of `data.json`."""
        return {
            "files": [vars(verdict) for verdict in self.files],
            "findings": [finding.to_json() for finding in self.findings],
            "counts": self.counts,
        }


def check(
    dataset: Dataset,
    *,
    pixel_cap: int = PIXEL_CAP,
    workers: int | None = None,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> CheckReport:
    """Open and decode every image; report what is wrong and leave out what cannot be used.

    Source files are only read. Broken images are excluded, and so are all copies of an image
    that comes with different labels (but for regression); everything else is only reported.

    Args:
        pixel_cap: exclude images of more pixels, width x height, without decoding them.
        workers: threads; None takes one per processor.
        cache: folder for the verdicts by content; None takes `default_cache()`.
        on_progress: called with (images done, images in all).
    """
    if isinstance(dataset.images, ArrayStore) and min(dataset.images.array.shape[1:3]) < LEAST_SIDE:
        hashes, facts = _examine_small(dataset.images, pixel_cap)
    else:
        hashes, facts = _examine_all(dataset, pixel_cap, workers, cache, on_progress)
    copies = same_content([h if f.height else "" for h, f in zip(hashes, facts, strict=True)])
    conflicts = {} if dataset.task == "regression" else _conflicts(dataset, copies)
    records = tuple(
        _verdict(dataset.ids[i], hashes[i], facts[i], conflicts.get(i)) for i in range(len(dataset))
    )
    kept = np.array([i for i, v in enumerate(records) if v.status == "used"], dtype=np.int64)
    group = near_groups(facts, copies)
    skipped = tuple(_hashed(verdict, dataset.root) for verdict in dataset.skipped)
    evidence = Evidence(dataset, facts, copies, group, kept, records, skipped)
    if on_progress is not None:
        on_progress(len(dataset), len(dataset))
    return CheckReport(
        files=records + skipped,
        kept=kept,
        findings=all_findings(evidence),
        near_duplicate_group=group,
        sizes=np.array([(f.height, f.width, f.channels) for f in facts], dtype=np.int32).reshape(
            -1, 3
        ),
    )


def _examine_all(
    dataset: Dataset,
    pixel_cap: int,
    workers: int | None,
    cache: Path | None,
    on_progress: Progress | None,
) -> tuple[list[str], list[Facts]]:
    """SHA-256 and facts of every record, by threads (Pillow decodes outside Python's lock)."""
    in_memory = isinstance(dataset.images, ArrayStore)
    hashes: list[str] = []
    facts: list[Facts] = []
    known = nullcontext(None) if in_memory else FactsCache(cache or default_cache())
    with known as store, ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        try:
            results = pool.map(
                lambda record: _examine_one(dataset, record, pixel_cap, store), range(len(dataset))
            )
            for done, (sha256, fact) in enumerate(results, start=1):
                hashes.append(sha256)
                facts.append(fact)
                if on_progress is not None and done < len(dataset):
                    on_progress(done, len(dataset))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return hashes, facts


def _examine_one(
    dataset: Dataset, record: int, pixel_cap: int, cache: FactsCache | None
) -> tuple[str, Facts]:
    try:
        content = dataset.images.read(record)
    except OSError as error:
        detail = f"The file cannot be read: {error.strerror or error}."
        return "", Facts(reason="unreadable", detail=detail)
    except DataError as error:
        return "", Facts(reason=error.code.removeprefix("data-"), detail=error.what)
    sha256 = content_hash(content)
    known = cache.get(sha256) if cache is not None else None
    if known is not None and known.height * known.width <= pixel_cap:
        return sha256, known
    facts = examine(content, pixel_cap)
    if cache is not None and facts.reason != "over-pixel-cap":
        cache.put(sha256, facts)
    return sha256, facts


def _examine_small(images: ArrayStore, pixel_cap: int) -> tuple[list[str], list[Facts]]:
    """For arrays too small for a perceptual hash: all have one size, so only NaN can be wrong."""
    array = images.gather(np.arange(len(images)))
    hashes = [content_hash(image) for image in array]
    good = np.ones(len(array), dtype=bool)
    if np.issubdtype(array.dtype, np.floating):
        good = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    first = {
        ok: examine(array[good.argmax() if ok else good.argmin()], pixel_cap) for ok in set(good)
    }
    return hashes, [first[ok] for ok in good]


def content_hash(content: bytes | np.ndarray) -> str:
    """SHA-256 of a file's bytes, or of an array's values, type and shape."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256(f"{content.dtype.str}{content.shape}".encode())
    digest.update(np.ascontiguousarray(content).data)
    return digest.hexdigest()


def _conflicts(dataset: Dataset, copies: list[list[int]]) -> dict[int, str]:
    """Records whose exact copies carry other labels, with the sentence that says so."""
    found: dict[int, str] = {}
    for group in copies:
        labels = {record: dataset.label_text(record) for record in group}
        if len(set(labels.values())) > 1:
            named = ", ".join(f"{dataset.ids[i]} ({labels[i] or 'no label'})" for i in group[:4])
            more = f" and {len(group) - 4} more" if len(group) > 4 else ""
            sentence = f"The same image comes with different labels: {named}{more}."
            found.update(dict.fromkeys(group, sentence))
    return found


def _verdict(name: str, sha256: str, facts: Facts, conflict: str | None) -> FileVerdict:
    if facts.reason:
        return FileVerdict(name, sha256, "excluded", facts.reason, facts.detail)
    if conflict is not None:
        return FileVerdict(name, sha256, "excluded", "conflicting-labels", conflict)
    return FileVerdict(name, sha256)


def _hashed(verdict: FileVerdict, root: Path | None) -> FileVerdict:
    """A skipped file's verdict with the content's hash, where it is a plain file."""
    path = None if root is None else root / verdict.path
    try:
        if path is None or path.is_symlink() or not path.is_file():
            return verdict
        return replace(verdict, sha256=sha256_of(path))
    except OSError:
        return verdict


def usable(dataset: Dataset, report: CheckReport) -> Dataset:
    """The records to use; classes without any are dropped (`class-empty` says so)."""
    kept = dataset.select(report.kept)
    if dataset.task == "regression":
        return kept
    multi = dataset.task == "multi_label"
    seen = np.flatnonzero(kept.labels.any(axis=0)) if multi else np.unique(kept.labels)
    classes = tuple(dataset.classes[k] for k in seen.tolist())
    labels = kept.labels[:, seen] if multi else np.searchsorted(seen, kept.labels)
    return replace(kept, classes=classes, labels=labels)

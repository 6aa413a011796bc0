"""Transfer: from scratch, the head alone or everything? Each over several seeds, on one page."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from striate import __version__
from striate.data import Preprocessing
from striate.errors import DataError, TrainingError, UsageError
from striate.files import canonical_json, write_atomic
from striate.model_file import read_model_file
from striate.report.transfer_page import transfer_page
from striate.report.words import counted, shorten
from striate.tasks import train
from striate.tasks.fields import ask
from striate.tasks.preparing import Prepared, open_source, prepare
from striate.tasks.probe import probe_weights
from striate.tasks.run_folder import RunFolder
from striate.tasks.transfer_ledger import Ledger, open_ledger
from striate.tasks.transfer_outcome import Trained, outcome, read_training
from striate.tasks.transfer_request import SCRATCH, TransferRequest
from striate.tasks.transfer_words import advice, capital, way_name
from striate.tasks.weights import StartingWeights, starting_weights
from striate.training import Notice, OnEvent, RunLock, ignore

FORMAT = 1
MODEL = RunFolder(Path()).model.name
TOLD = ("weights-seen-images", "weights-imagenet-names")  # warnings of all trainings to repeat
NO_GAIN = "train-tuning-no-gain"  # of one training: the weights of its head were kept


@dataclass(frozen=True)
class Transferred:
    """A comparison of ways, and where it lies.

    Args:
        content: that of transfer.json.
    """

    folder: Path
    content: Mapping[str, Any]
    interrupted: bool = False

    @property
    def page(self) -> Path:
        return self.folder / "transfer.html"

    @property
    def sentence(self) -> str:
        """The answer in words."""
        said = (self.content.get("headline"), self.content.get("lead"))
        return " ".join(str(each) for each in said if each)

    def to_json(self) -> dict[str, Any]:
        return {**self.content, "folder": str(self.folder), "interrupted": self.interrupted}


def transfer(data: str | Path, *, progress: bool = True, **options: Any) -> Transferred:
    """Compare ways to reuse weights on a set of images; everything lands in one folder.

    Args:
        data: as for `train`.
        progress: show how far it is.
        options: the fields of `TransferRequest`, such as `weights="squeezenet.safetensors"`.
    """
    from striate.report.live import watcher

    request = ask(TransferRequest, {"data": str(data), **options})
    if not progress:
        return carry_out(request)
    with watcher() as watch:
        return carry_out(request, on_event=watch)


def carry_out(request: TransferRequest, *, on_event: OnEvent = ignore) -> Transferred:
    """Train every way with every seed where that is not done yet; probe; write page and numbers.

    An interruption ends with what is done; the same request goes on with what is missing. A way
    that fails to train (its loss is not finite, memory runs out) is told, and the others go on.

    Raises:
        UsageError: the folder holds a comparison under other settings, or the labels are not one
            class an image.
        DataError: the data cannot be trained on, have no test part, or changed since.
        FileError: the weights cannot be had.
    """
    weights = None
    if request.weights is not None:
        weights = starting_weights(request.weights, request.model)
        request = request.model_copy(update={"model": weights.name})
    with RunLock(request.folder):
        prepared = _prepared(request, on_event)
        digest = hashlib.sha256(canonical_json(prepared.hashes()).encode()).hexdigest()
        ledger = open_ledger(request, digest)
        comparison = _Comparison(request, prepared, weights, ledger, on_event)
        try:
            comparison.train_all()
        except KeyboardInterrupt:
            comparison.interrupted = True
        return comparison.written()


def _prepared(request: TransferRequest, on_event: OnEvent) -> Prepared:
    """Data checked and split, with the split of an earlier call if there was one."""
    folder = RunFolder(request.folder)
    split = folder.split if folder.split.is_file() else request.split
    prepared = prepare(open_source(request.data, request.task), request, folder, on_event, split)
    if prepared.task != "single_label":
        raise UsageError(
            "transfer-task",
            f"Ways are compared by their accuracy; {request.data} is {prepared.task}.",
            "Train each way by striate train, and compare two runs by striate compare.",
        )
    if not prepared.counts()["test"]:
        raise DataError(
            "transfer-no-test",
            f"{request.data} leaves no image to test on, so ways cannot be compared.",
            "Keep some for the test, such as --test 0.15.",
        )
    return prepared


@dataclass
class _Comparison:
    """A comparison while it goes on."""

    request: TransferRequest
    prepared: Prepared
    weights: StartingWeights | None
    ledger: Ledger
    on_event: OnEvent
    interrupted: bool = False

    def train_all(self) -> None:
        """Seed by seed, so that an early end leaves every way with as many as can be."""
        total = len(self.request.chosen_ways) * self.request.seeds
        for number, (way, seed) in enumerate(self._trainings(), 1):
            if not self._folder(way, seed).finished:
                said = f"{capital(way_name(way))}, seed {seed}: training {number} of {total}."
                self.on_event(Notice("info", "transfer-training", said))
                self._train(way, seed)
            if self.interrupted:
                return
            if way != SCRATCH and self._folder(way, seed).finished:
                self._probe(self._folder(way, seed))
            self.written()

    def _trainings(self) -> list[tuple[str, int]]:
        first = self.request.seed
        seeds = range(first, first + self.request.seeds)
        return [(way, seed) for seed in seeds for way in self.request.chosen_ways]

    def _folder(self, way: str, seed: int) -> RunFolder:
        return RunFolder(self.request.run_folder(way, seed))

    def _train(self, way: str, seed: int) -> None:
        files, split = self._folder(way, seed), RunFolder(self.request.folder).split
        asked = self.request.training(way, seed, split)
        started = time.monotonic()
        try:
            run = train.run(
                asked.model_copy(update={"resume": files.started}), on_event=self.on_event
            )
            self.interrupted = run.outcome == "interrupted"
            self.ledger.failed.pop(files.path.name, None)
        except TrainingError as error:
            self.ledger.failed[files.path.name] = str(error)
            self.on_event(Notice("warning", error.code, str(error)))
        finally:
            self.ledger.add(files.path.name, time.monotonic() - started)

    def _probe(self, trained: RunFolder) -> None:
        """Once, with the preprocessing that the weights were trained further with."""
        if self.request.no_probe or self.ledger.probe is not None or self.weights is None:
            return
        card, _ = read_model_file(trained.model)
        found = probe_weights(
            self.weights, self.prepared, Preprocessing.from_json(card["preprocessing"]),
            seed=self.request.seed, device=self.request.device, on_event=self.on_event,
        )  # fmt: skip
        self.ledger.probe = {**found.to_json(), "advice": advice(found)}
        self.ledger.write()

    def written(self) -> Transferred:
        """Write transfer.json and transfer.html of what is done."""
        done = [
            read_training(way, seed, files, self.ledger.seconds.get(files.path.name))
            for way in self.request.chosen_ways
            for each, seed in self._trainings()
            if each == way and (files := self._folder(way, seed)).finished
        ]
        folder = self.request.folder
        content = {**self._about(done), **outcome(done), "probe": self.ledger.probe}
        write_atomic(folder / "transfer.json", canonical_json(content))
        found = Transferred(folder, content, self.interrupted)
        write_atomic(found.page, transfer_page(content))
        return found

    def _about(self, done: list[Trained]) -> dict[str, Any]:
        request = self.request
        return {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "name": request.run_name,
            "data": request.data,
            "model": request.model,
            "weights": None if self.weights is None else _short(self.weights),
            "classes": len(self.prepared.dataset.classes),
            "images": dict(self.prepared.counts()),
            "split": str(RunFolder(request.folder).split),
            "command": request.command,
            "warnings": self._warnings(done),
        }

    def _warnings(self, done: list[Trained]) -> list[str]:
        """What a reader must know before believing the page."""
        found = []
        total = len(self._trainings())
        if len(done) < total:
            found.append(
                f"{len(done)} of {counted(total, 'training')} are done; the same command goes on "
                "with the others."
            )
        elif self.request.seeds == 1:
            found.append(
                "One seed a way: another seed gives other networks. Take 3 or more, --seeds 3, "
                "before you prefer one way."
            )
        for name, sentence in self.ledger.failed.items():
            found.append(f"{shorten(name, 40)} failed: {sentence}")
        alike = [text for one in done for code in TOLD for text in _told(one, code)]
        found += dict.fromkeys(alike)
        found += [
            f"{capital(way_name(one.way))}, seed {one.seed}: {text}"
            for one in done
            for text in _told(one, NO_GAIN)
        ]
        return found


def _told(trained: Trained, code: str) -> tuple[str, ...]:
    """What a training warned of."""
    return RunFolder(trained.folder).notices(code)


def _short(weights: StartingWeights) -> str:
    """Whose weights they are: the name of a file, without the way to it."""
    place = weights.file
    if weights.said != str(place):
        return weights.said
    return f"{place.parent.name}/{place.name}" if place.name == MODEL else place.name

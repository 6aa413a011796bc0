"""The fastest engine for a network on this machine, used as soon as it pays."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import get_args

import torch
from torch import Tensor, nn

from striate.engines import onnx, openvino
from striate.engines.measuring import Converter, NotConverted, converted, measured
from striate.engines.names import EngineName
from striate.engines.shelf import Finding, Shelf, shelf_for
from striate.engines.watch import Watch, watchable
from striate.errors import UsageError, unknown_name

CONVERTERS: Mapping[str, Converter] = {
    "openvino": Converter(openvino.SUFFIX, openvino.installed, openvino.write, openvino.opened),
    "onnx": Converter(onnx.SUFFIX, onnx.installed, onnx.write, onnx.opened),
}
LEAST = 1.0  # seconds of torch's time ahead before anything is looked up
WORTH = 15.0  # seconds of torch's time ahead before engines are made and measured
MARGIN = 2.0  # an engine must save so many times what opening it takes
CHUNK = 16  # images at a time: larger batches are no faster for engines, and take more memory


@dataclass(frozen=True)
class Ready:
    """An engine that answers, as long as the network is what it was made of."""

    name: str
    engine: Callable[[Tensor], Tensor]
    shape: tuple[int, ...]
    threads: int
    watch: Watch


class Fastest:
    """Watches what torch takes for a network's answers, and brings in an engine where it pays.

    How long engines take is measured once for a network, a size of image and a machine, on images
    that torch has answered; an engine that answers otherwise is refused. What was found is kept in
    the cache folder. Several threads may ask at once.
    """

    def __init__(self) -> None:
        self._ready: Ready | None = None
        self._making = Lock()
        self._forget()

    def __deepcopy__(self, _memory: object) -> "Fastest":
        return Fastest()  # the copy of a network is another network

    def __reduce__(self) -> tuple[type["Fastest"], tuple[()]]:
        return Fastest, ()

    def _forget(self) -> None:
        self._ready = None
        self._settled: Watch | None = None  # the network that torch is the fastest for
        self._images, self._seconds, self._look = 0, 0.0, LEAST

    def answers(self, network: nn.Module, images: Tensor, asked: EngineName) -> Tensor | None:
        """What the engine in use answers; None where there is none for these images.

        Shape: images [N, ...] -> [N, classes].
        """
        ready = self._ready
        if ready is None or asked not in ("auto", ready.name) or not fitting(images):
            return None
        if ready.shape != images.shape[1:] or ready.threads != torch.get_num_threads():
            return None
        if not ready.watch.unchanged(network):
            self._forget()
            return None
        return torch.cat([ready.engine(part) for part in torch.split(images, CHUNK)])

    def heard(
        self,
        network: nn.Module,
        images: Tensor,
        answers: Tensor,
        seconds: float,
        ahead: int,
        folder: Path,
    ) -> None:
        """Learn what torch took for a batch, and bring in an engine if that pays.

        Args:
            answers, seconds: torch's, for these images.
            ahead: images that are still to come, as far as is known; at least as many are
                expected as there were so far.
            folder: to keep what is found in.
        """
        self._images += len(images)
        self._seconds += seconds
        each = seconds / max(1, len(images))
        if max(ahead * each, self._seconds) < self._look or not len(images):
            return
        self._look = max(self._look, 2 * self._seconds) if ahead * each < LEAST else self._look
        if not fitting(images) or not watchable(network):
            return
        if not self._making.acquire(blocking=False):  # another thread is at it
            return
        try:
            if self._settled is not None and self._settled.unchanged(network):
                return
            self._settled = None
            with torch.inference_mode(False), torch.no_grad():
                expected = max(ahead, self._images)
                self._consider(network, images.clone(), answers.clone(), each, expected, folder)
        finally:
            self._making.release()

    def _consider(
        self,
        network: nn.Module,
        images: Tensor,
        answers: Tensor,
        each: float,
        expected: int,
        folder: Path,
    ) -> None:
        shelf = _shelf(folder, network, images)
        finding = shelf.finding()
        if finding is None:
            if expected * each < WORTH:
                return
            finding, engine = measured(network, images, answers, shelf, CONVERTERS)
        elif finding.fastest == "torch" or not _pays(finding, expected):
            engine = None
        else:
            engine = self._opened(network, images, answers, shelf, finding)
        if engine is not None:
            self._use(finding.fastest, engine, network, images)
        elif finding.fastest == "torch":
            self._settled = Watch(network)

    def _opened(
        self, network: nn.Module, images: Tensor, answers: Tensor, shelf: Shelf, finding: Finding
    ) -> nn.Module | None:
        """What was the fastest earlier; None where it cannot be had any more."""
        name = finding.fastest
        try:
            return converted(network, images, answers, shelf, name, CONVERTERS).engine
        except NotConverted:
            shelf.remember(replace(finding, fastest="torch", opening=0.0))
            self._settled = Watch(network)
            return None

    def wanting(self, name: str, images: Tensor) -> bool:
        """Whether that engine was asked for and is still to be made for images of this kind."""
        if name not in CONVERTERS:
            return False
        if not len(images) or not images.sum().isfinite():
            return False
        ready = self._ready
        shape, threads = images.shape[1:], torch.get_num_threads()
        made = ready is not None and (ready.name, ready.shape, ready.threads)
        return made != (name, tuple(shape), threads)

    def demand(
        self, name: str, network: nn.Module, images: Tensor, answers: Tensor, folder: Path
    ) -> None:
        """Bring in the engine of that name, whatever it takes.

        Raises:
            UsageError: it is not installed, cannot run the network, or answers otherwise.
        """
        if CONVERTERS[name].installed() is None:
            raise UsageError(
                "usage-engine-missing",
                f"The engine {name} is not installed here.",
                f"pip install 'striate[{name}]', or use the engine auto.",
            )
        if not watchable(network) or not fitting(images):
            why = "it has hooks, or its numbers are not float32 on a CPU"
            raise refused(name, network, why)
        with self._making, torch.inference_mode(False), torch.no_grad():
            images, answers = images.clone(), answers.clone()
            shelf = _shelf(folder, network, images)
            try:
                engine = converted(network, images, answers, shelf, name, CONVERTERS).engine
            except NotConverted as error:
                raise refused(name, network, str(error)) from error
            self._use(name, engine, network, images)

    def _use(self, name: str, engine: nn.Module, network: nn.Module, images: Tensor) -> None:
        shape, threads = tuple(images.shape[1:]), torch.get_num_threads()
        self._ready = Ready(name, engine, shape, threads, Watch(network))


def fitting(images: Tensor) -> bool:
    """Whether an engine may answer them: finite float32 numbers on a CPU."""
    if images.dtype != torch.float32 or images.device.type != "cpu" or images.ndim < 2:
        return False
    return bool(images.sum().isfinite())  # one pass; huge numbers are left to torch too


def asked_engine(asked: str) -> EngineName:
    """The engine that was asked for; for "auto" the environment's STRIATE_ENGINE, if it is set.

    Raises:
        UnknownName: there is no engine of that name.
    """
    name = os.environ.get("STRIATE_ENGINE", "auto") if asked == "auto" else asked
    for known in get_args(EngineName):
        if name == known:
            return known
    raise unknown_name("engine", name, get_args(EngineName))


def _pays(finding: Finding, expected: int) -> bool:
    saved = finding.seconds["torch"] - finding.seconds[finding.fastest]
    return expected * saved > MARGIN * finding.opening


def _shelf(folder: Path, network: nn.Module, images: Tensor) -> Shelf:
    versions = {
        name: version
        for name, converter in CONVERTERS.items()
        if (version := converter.installed()) is not None
    }
    return shelf_for(folder / "engines", network, tuple(images.shape[1:]), versions)


def refused(name: str, network: nn.Module, why: str) -> UsageError:
    """The error for an engine that was asked for and cannot be used."""
    return UsageError(
        "model-engine-refused",
        f"{name} does not run this {type(network).__name__}: {why}.",
        "Use the engine auto or torch.",
    )

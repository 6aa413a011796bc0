"""Engines made, held against the network's own answers, and timed."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from warnings import catch_warnings

import torch
from torch import Tensor, fx, nn

from striate.engines.folding import close, folded_copy
from striate.engines.shelf import Finding, Shelf

PROBES = 4  # images that an engine is checked and timed on, at most
ROUNDS = 3  # each engine in turn; its best counts
FASTER = 0.95  # of torch's time that an engine may take, to be worth a change
IMPORTING = 0.4  # seconds until a process has imported an engine
FOLDED = "folded"  # torch with batch norms folded into convolutions, kernels laid out anew


class NotConverted(Exception):
    """No engine could be made; the text says why."""


@dataclass(frozen=True)
class Converter:
    """How networks become files of an engine, and these something that answers.

    Args:
        installed: its version, or None.
        write: a traced network, one image, and where to.
    """

    suffix: str
    installed: Callable[[], str | None]
    write: Callable[[fx.GraphModule, Tensor, Path], None]
    opened: Callable[[Path], nn.Module]


@dataclass(frozen=True)
class Opened:
    """An engine, and how long it took to open (and check) it where it was converted already."""

    engine: nn.Module
    seconds: float


def converted(
    network: nn.Module,
    images: Tensor,
    answers: Tensor,
    shelf: Shelf,
    name: str,
    converters: Mapping[str, Converter],
    traced: fx.GraphModule | None = None,
) -> Opened:
    """The engine of that name for the network: from the shelf, else converted and put there.

    Args:
        images, answers: what it is checked on; the answers are the network's own.
        traced: the folded network, where it is there already.
    Raises:
        NotConverted: it cannot be made, or answers otherwise.
    """
    began = time.perf_counter()
    if name == FOLDED:
        folded = traced or _traced(network, images)
        return Opened(_checked(folded, network, images, answers), time.perf_counter() - began)
    converter = converters[name]
    file = f"network{converter.suffix}"
    with catch_warnings(action="ignore"):
        path = shelf.converted(name, file)
        if path is not None:
            with suppress(Exception):  # of another version, or of other layers under equal names
                engine = _checked(converter.opened(path), network, images, answers)
                return Opened(engine, time.perf_counter() - began)
        source, probe = traced or _traced(network, images), images[:1].clone()

        def write(path: Path) -> None:
            converter.write(source, probe, path)

        try:
            opened = _kept(converter, shelf, name, file, write)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise NotConverted(f"it cannot be converted ({reason})") from error
        began = time.perf_counter() - opened.seconds
        engine = _checked(opened.engine, network, images, answers)
        return Opened(engine, time.perf_counter() - began)


def _kept(
    converter: Converter, shelf: Shelf, name: str, file: str, write: Callable[[Path], None]
) -> Opened:
    """On the shelf if it can be written, else from a file that is deleted at once."""
    with suppress(OSError):
        return _timely(converter, shelf.keep(name, file, write))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        write(Path(folder) / file)
        return _timely(converter, Path(folder) / file)


def _timely(converter: Converter, path: Path) -> Opened:
    began = time.perf_counter()
    engine = converter.opened(path)
    return Opened(engine, time.perf_counter() - began)


def _traced(network: nn.Module, images: Tensor) -> fx.GraphModule:
    traced = folded_copy(network, images[:1])
    if traced is None:
        raise NotConverted("its code cannot be followed")
    return traced


def _checked(engine: nn.Module, network: nn.Module, images: Tensor, answers: Tensor) -> nn.Module:
    """The engine, if it answers as the network: several images, one alone, and noise."""
    several = images[:PROBES]
    noise = torch.randn(several[:2].shape, generator=torch.Generator().manual_seed(0))
    pairs = (
        (answers[:PROBES], several),
        (answers[:1], images[:1]),
        (network(noise.clone()), noise),
    )
    for answer, asked in pairs:
        found = engine(asked.clone())
        if not isinstance(found, Tensor) or found.dtype != answer.dtype:
            raise NotConverted("it answers with something else")
        if not close(answer, found):
            raise NotConverted("its answers differ")
    return engine


def measured(
    network: nn.Module,
    images: Tensor,
    answers: Tensor,
    shelf: Shelf,
    converters: Mapping[str, Converter],
) -> tuple[Finding, nn.Module | None]:
    """What is fastest, and an engine that is if torch alone is not; remembered on the shelf.

    Converters are tried in their order until one has made an engine: to export once more takes
    longer than a second one could save.
    """
    opened = {"torch": Opened(network, 0.0)}
    traced = folded_copy(network, images[:1])
    for name in (FOLDED, *converters) if traced is not None else ():
        if name != FOLDED and (converters[name].installed() is None or len(opened) > 2):
            continue
        with suppress(NotConverted):
            opened[name] = converted(network, images, answers, shelf, name, converters, traced)
    seconds = _timed({name: each.engine for name, each in opened.items()}, images[:PROBES])
    fastest = min(seconds, key=seconds.__getitem__)
    if seconds[fastest] > FASTER * seconds["torch"]:
        fastest = "torch"
    shelf.leave(fastest)
    imports = IMPORTING if fastest in converters else 0.0
    finding = Finding(fastest, seconds, opened[fastest].seconds + imports)
    shelf.remember(finding)
    return finding, None if fastest == "torch" else opened[fastest].engine


def _timed(candidates: Mapping[str, nn.Module], images: Tensor) -> dict[str, float]:
    """Seconds for an image, by name; in turn, so that a busy moment hits all alike."""
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(ROUNDS):
        for name, network in candidates.items():
            began = time.perf_counter()
            network(images)
            best[name] = min(best[name], (time.perf_counter() - began) / len(images))
    return best

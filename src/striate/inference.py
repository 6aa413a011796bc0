"""The one forward pass that training-time evaluation, evaluate, predict and explain share."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data.verdicts import default_cache
from striate.engines import PROBES, EngineName, Fastest
from striate.predictions import Task
from striate.summaries import why_refused

BATCH_SIZE = 64  # the same everywhere: the same images in the same batches give the same bits


@dataclass(frozen=True)
class Asking:
    """Which engine is to answer.

    Args:
        engine: "auto" is the fastest, as soon as that pays; "torch" the network itself.
        fastest: what is known of the network's engines; None leaves it to torch.
        images: how many are to be answered, where that is known.
    """

    engine: EngineName = "torch"
    fastest: Fastest | None = None
    images: int = 0


BY_TORCH = Asking()


def network_outputs(
    network: nn.Module, batches: Iterable[Tensor], asking: Asking = BY_TORCH
) -> NDArray[np.float32]:
    """The network's raw outputs, in evaluation mode, without gradients.

    Shape: batches of [N, C, H, W] -> [n, classes] ([n] where the network gives one number).
    The network is left in the mode it was found in.
    Args:
        asking: by which engine; what torch itself answers is the same to the last bit every time.
    Raises:
        ShapeError: the images do not fit a module; it is named, with the fix.
        UsageError: an engine was asked for that cannot run the network.
    """
    device = device_of(network)
    found: list[Tensor] = []
    done = 0
    with torch.inference_mode():
        for images in batches:
            images = images.to(device, non_blocking=True)
            done += len(images)
            found.append(_answers(network, images, asking, asking.images - done).float().cpu())
    return torch.cat(found).numpy() if found else np.zeros((0,), np.float32)


def _answers(network: nn.Module, images: Tensor, asking: Asking, ahead: int) -> Tensor:
    """By an engine that is there, else by the network; which tells whether one should be made."""
    fastest = asking.fastest if asking.engine != "torch" else None
    if fastest is None:
        with together_evaluating(network):
            return _forward(network, images)
    if (answers := fastest.answers(network, images, asking.engine)) is not None:
        return answers
    with together_evaluating(network):
        if fastest.wanting(asking.engine, images):
            few = images[:PROBES]
            fastest.demand(asking.engine, network, few, _forward(network, few), default_cache())
            return _answers(network, images, asking, ahead)
        began = time.perf_counter()
        answers = _forward(network, images)
        seconds = time.perf_counter() - began
        if asking.engine == "auto":
            fastest.heard(network, images, answers, seconds, ahead, default_cache())
    return answers


@contextmanager
def together_evaluating(network: nn.Module) -> Iterator[None]:
    """Every module in eval mode, until the last of several threads has left it.

    The first to enter notes a module's mode, the last to leave puts it back.
    """
    modules = list(network.modules())
    with _ENTERING:
        for module in modules:
            if module not in _ENTERED:
                _ENTERED[module] = _Entered(module.training)
                module.training = False
            _ENTERED[module].threads += 1
    try:
        yield
    finally:
        with _ENTERING:
            for module in modules:
                _ENTERED[module].threads -= 1
                if not _ENTERED[module].threads:
                    module.training = _ENTERED.pop(module).mode


@dataclass
class _Entered:
    mode: bool
    threads: int = 0


_ENTERING = Lock()
_ENTERED: dict[nn.Module, _Entered] = {}


def _forward(network: nn.Module, images: Tensor) -> Tensor:
    try:
        return network(images)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, IndexError):
        if reason := why_refused(network, images):
            raise reason from reason.__cause__
        raise


def device_of(network: nn.Module) -> torch.device:
    """Where the network's first weight lives; the CPU for a network without weights."""
    weight = next(network.parameters(), None)
    return weight.device if weight is not None else torch.device("cpu")


def probabilities(
    task: Task,
    outputs: NDArray[np.float32],
    temperature: float = 1.0,
    target_scale: tuple[float, float] = (0.0, 1.0),
) -> NDArray[np.float64]:
    """Raw outputs -> what a person reads: probabilities [n, classes], or predicted numbers [n].

    A temperature above 1 softens over-confident probabilities (Guo et al. 2017,
    arXiv:1706.04599); it never changes which class is the most probable. Numbers are brought back
    from mean 0 and deviation 1 to the mean and deviation of `target_scale`.
    """
    values = outputs.astype(np.float64)
    if task == "regression":
        mean, deviation = target_scale
        flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        return flat * deviation + mean
    if task == "multi_label":
        from scipy.special import expit  # here, since it takes a while

        return expit(values)
    scaled = values / temperature
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)

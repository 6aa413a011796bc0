"""The one forward pass that training-time evaluation, evaluate, predict and explain share."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from torch import Tensor, nn

from striate.explain import evaluating
from striate.predictions import Task
from striate.summaries import why_refused

BATCH_SIZE = 64  # the same everywhere: the same images in the same batches give the same bits


def network_outputs(network: nn.Module, batches: Iterable[Tensor]) -> NDArray[np.float32]:
    """The network's raw outputs, in evaluation mode, without gradients.

    Shape: batches of [N, C, H, W] -> [n, classes] ([n] where the network gives one number).
    The network is left in the mode it was found in.
    Raises:
        ShapeError: the images do not fit a module; it is named, with the fix.
    """
    device = device_of(network)
    found: list[Tensor] = []
    with evaluating(network), torch.inference_mode():
        for images in batches:
            found.append(_forward(network, images.to(device, non_blocking=True)).float().cpu())
    return torch.cat(found).numpy() if found else np.zeros((0,), np.float32)


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
    return softmax(values / temperature, axis=1) if task == "single_label" else expit(values)

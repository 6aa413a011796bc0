"""OpenVINO for methods that ask a network many hundreds of times, where it is installed."""

from contextlib import suppress
from warnings import catch_warnings

import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

from striate.engines.folding import close
from striate.engines.openvino import OpenVino, convert, installed

WORTH = 1e12  # operations in all, such as 275 images of ResNet-18: saves the time of converting
FEWEST = 100  # passes from which the operations are counted, which takes about two


def engine(network: nn.Module, images: Tensor, passes: int) -> OpenVino | None:
    """A faster stand-in for a frozen network, or None: where none was made, ask the network.

    None, where OpenVINO is not installed or STRIATE_OPENVINO=0 is set in the environment; where
    images are not finite float32 on a CPU or the network could not be traced; where the passes are
    too few to be worth the time of converting; and where the conversion fails or answers otherwise.
    Whether it is worth it is counted, not timed, so that a call gives the same numbers every time.

    Shape: images [N, C, H, W]; the first and its mirror image are the probes.
    Args:
        network: frozen, run without gradients.
        passes: images it will be asked about, at most.
    """
    if installed() is None:
        return None
    if not isinstance(network, fx.GraphModule) or passes < FEWEST:
        return None
    if images.dtype != torch.float32 or images.device.type != "cpu" or not images.isfinite().all():
        return None
    probes = torch.cat([images[:1], images[:1].flip(3)]).contiguous()
    with suppress(Exception), catch_warnings(action="ignore"), torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            answers = network(probes.clone())
        if counter.get_total_flops() / len(probes) * passes >= WORTH:
            made = OpenVino(convert(network, probes[:1].clone()))
            one, both = made(probes[:1]), made(probes)
            if close(answers, both) and close(answers[:1], one):
                return made
    return None

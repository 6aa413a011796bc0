"""OpenVINO for methods that ask a network many hundreds of times, where it is installed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from warnings import catch_warnings

import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

from striate.explain._frozen import close

WORTH = 1e12  # operations in all, such as 275 images of ResNet-18: saves the time of converting
FEWEST = 100  # passes from which the operations are counted, which takes about two


class Engine(nn.Module):
    """A network converted for OpenVINO, in float32, with torch's number of threads.

    Shape: images [N, C, H, W], any N, on a CPU, contiguous (else they are copied) -> a new tensor.
    Args:
        network: traced; its answer is one tensor.
        probe: [1, C, H, W], the size it will be asked about.
    """

    def __init__(self, network: fx.GraphModule, probe: Tensor) -> None:
        super().__init__()
        with unreported():
            self.openvino = import_module("openvino")
            decoders = import_module("openvino.frontend.pytorch.ts_decoder")
        reader = self.openvino.frontend.FrontEndManager().load_by_framework("pytorch")
        decoder = decoders.TorchScriptPythonDecoder(network, example_input=(probe,))
        model = reader.convert(reader.load(decoder))
        model.reshape([-1, *probe.shape[1:]])
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        compiled = self.openvino.Core().compile_model(model, "CPU", options)
        self.request: Any = compiled.create_infer_request()

    def forward(self, images: Tensor) -> Tensor:
        read = self.openvino.Tensor(images.contiguous().numpy(), shared_memory=True)
        self.request.set_input_tensor(read)
        self.request.infer()
        answers = self.request.get_output_tensor().data.copy()  # its memory is used again
        return torch.from_numpy(answers)


@contextmanager
def unreported() -> Iterator[None]:
    """OpenVINO reports to its makers when it is first imported, unless its reporter is missing."""
    reporter = "openvino_telemetry"
    if reporter in sys.modules:  # the caller imported it, and may go on using it
        yield
        return
    sys.modules[reporter] = None  # type: ignore[assignment]  # "there is no such module"
    try:
        yield
    finally:
        del sys.modules[reporter]


def engine(network: nn.Module, images: Tensor, passes: int) -> Engine | None:
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
    if os.environ.get("STRIATE_OPENVINO") == "0" or not find_spec("openvino"):
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
            made = Engine(network, probes[:1].clone())
            one, both = made(probes[:1]), made(probes)
            if close(answers, both) and close(answers[:1], one):
                return made
    return None

"""OpenVINO, where it is installed: a network converted to its format, and run by it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from warnings import catch_warnings

import torch
from torch import Tensor, fx, nn

SUFFIX = ".xml"  # the weights lie beside it, in .bin


def installed() -> str | None:
    """Its version; None where it is not installed, or STRIATE_OPENVINO=0 says to do without."""
    if os.environ.get("STRIATE_OPENVINO") == "0" or not find_spec("openvino"):
        return None
    return version("openvino")


class OpenVino(nn.Module):
    """A network that OpenVINO runs, in float32, with torch's number of threads; for any thread.

    Shape: images [N, ...], any N, on a CPU -> a new tensor. Images that are not contiguous are
        copied.
    Args:
        model: OpenVINO's own description of the network, by `convert` or `read`.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.openvino = imported()
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        compiled = self.openvino.Core().compile_model(model, "CPU", options)
        self.request: Any = compiled.create_infer_request()
        self.lock = Lock()  # a request answers one at a time

    def forward(self, images: Tensor) -> Tensor:
        given = self.openvino.Tensor(images.contiguous().numpy(), shared_memory=True)
        with self.lock:
            self.request.set_input_tensor(given)
            self.request.infer()
            answers = self.request.get_output_tensor().data.copy()  # its memory is used again
        return torch.from_numpy(answers)


def convert(network: fx.GraphModule, probe: Tensor) -> Any:
    """The network as OpenVINO describes it, for any number of images.

    Args:
        network: traced; its answer is one tensor.
        probe: [1, ...], an image of the size that it will be asked about.
    """
    openvino = imported()
    decoders = import_module("openvino.frontend.pytorch.ts_decoder")
    reader = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
    with catch_warnings(action="ignore"):  # it traces by what torch would rather see unused
        decoder = decoders.TorchScriptPythonDecoder(
            network, example_input=(probe,), trace_kwargs={"check_trace": False}
        )
        model = reader.convert(reader.load(decoder))
    model.reshape([-1, *probe.shape[1:]])
    return model


def write(network: fx.GraphModule, probe: Tensor, path: Path) -> None:
    """Write the network into a file that `opened` reads, and its weights beside it."""
    imported().save_model(convert(network, probe), path, compress_to_fp16=False)


def opened(path: Path) -> nn.Module:
    """The network in a file."""
    return OpenVino(imported().Core().read_model(path))


def imported() -> Any:
    """OpenVINO itself."""
    with unreported():
        return import_module("openvino")


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

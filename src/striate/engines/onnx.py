"""ONNX Runtime, where it is installed: a network exported to ONNX, and run by it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

SUFFIX = ".onnx"
NEEDED = ("onnx", "onnxscript", "onnxruntime")


def installed() -> str | None:
    """The version of ONNX Runtime; None unless it and what exports to it are installed."""
    return version("onnxruntime") if all(map(find_spec, NEEDED)) else None


class OnnxRuntime(nn.Module):
    """A network that ONNX Runtime runs, in float32, with torch's number of threads.

    Shape: images [N, ...], any N, on a CPU -> a new tensor. Images that are not contiguous are
        copied.
    Args:
        path: of the exported network.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        runtime = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a shared machine
        self.session: Any = runtime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.input: str = self.session.get_inputs()[0].name

    def forward(self, images: Tensor) -> Tensor:
        (answers,) = self.session.run(None, {self.input: images.contiguous().numpy()})
        return torch.from_numpy(answers)


def write(network: fx.GraphModule, probe: Tensor, path: Path) -> None:
    """Write the network into a file that `opened` reads, for any number of images."""
    images = torch.cat([probe, probe])  # an axis of length one would be taken for a constant
    with quiet():
        program = torch.onnx.export(
            network, (images,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("images")},)
        )
    if program is None:
        raise RuntimeError("torch.onnx gave nothing")
    program.save(path)


def opened(path: Path) -> nn.Module:
    """The network in a file."""
    return OnnxRuntime(path)


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter prints its steps, and logs what it leaves out."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(before)

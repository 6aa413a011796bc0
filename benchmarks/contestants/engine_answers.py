"""torchvision's networks in ONNX Runtime or OpenVINO, without torch in the process."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.contestants.answers import NETWORKS, asked_answers, timed
from benchmarks.contestants.asked import answer


def export(request: argparse.Namespace) -> None:
    """NETWORK.onnx with a free batch size, unless another contestant has made it."""
    import torch

    from benchmarks.contestants.torch_networks import torchvision_models

    for name in NETWORKS:
        file = request.kept / f"{name}.onnx"
        if not file.exists():
            network = getattr(torchvision_models(), name)().eval()
            torch.onnx.export(
                network, (torch.zeros(2, 3, 224, 224),), file, input_names=["images"],
                dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False, verbose=False,
            )  # fmt: skip


def onnxruntime(file: Path) -> Callable[[np.ndarray], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"images": x})


def openvino(file: Path) -> Callable[[np.ndarray], object]:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": int(os.environ["OMP_NUM_THREADS"]),
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino.Core().compile_model(file, "CPU", settings)
    return lambda x: compiled(x)[0]


ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino}

if __name__ == "__main__":
    request = asked_answers(export)
    engine = ENGINES[request.engine]
    answer(**timed(lambda name: engine(request.kept / f"{name}.onnx"), request))

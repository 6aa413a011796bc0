"""torchvision's networks in torch: eager, channels last, or compiled (channels last, frozen)."""

from collections.abc import Callable

import numpy as np
import torch

from benchmarks.contestants.answers import asked_answers, timed
from benchmarks.contestants.asked import answer
from benchmarks.contestants.torch_networks import torchvision_models


def maker(engine: str) -> Callable[[str], Callable[[np.ndarray], object]]:
    layout = torch.contiguous_format if engine == "eager" else torch.channels_last

    def make(name: str) -> Callable[[np.ndarray], object]:
        network = getattr(torchvision_models(), name)().eval().to(memory_format=layout)
        called = torch.compile(network, dynamic=False) if engine == "compiled" else network

        def call(x: np.ndarray) -> object:
            with torch.inference_mode():
                return called(torch.from_numpy(x).contiguous(memory_format=layout))

        return call

    return make


if __name__ == "__main__":
    request = asked_answers()
    answer(**timed(maker(request.engine), request))

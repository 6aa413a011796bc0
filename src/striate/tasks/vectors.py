"""What a network makes of images, and what it answers, in one pass."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from striate.engines import EngineName, Fastest, asked_engine
from striate.engines.fastest import LEAST, refused
from striate.engines.folding import close
from striate.engines.tapping import tapped
from striate.explain import embeddings
from striate.explain.locate import classifier_layer
from striate.inference import Asking, device_of, network_outputs, together_evaluating


class Vectors:
    """Asks a network for features and answers, a batch at a time, by the fastest engine that pays.

    Args:
        network: up to its logits.
        layer: whose output is wanted; None: what the last layer is given.
        images: how many will come in all.
        engine: as for `Model.predict`.
    """

    def __init__(
        self, network: nn.Module, layer: str | None, images: int, engine: EngineName = "auto"
    ) -> None:
        self.network, self.layer, self.ahead = network, layer, images
        self.engine = asked_engine(engine)
        self.fastest = Fastest()
        self.joined: nn.Module | None = None  # gives features and answers side by side
        self.width = 0  # of the features

    def of(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, D] and answers [N, classes] of images [N, C, H, W], on the CPU."""
        self.ahead -= len(images)
        if self.joined is not None:
            return self._by_engine(self.joined, images)
        images = images.to(device_of(self.network))
        began = time.perf_counter()
        with _answers_of(self.network) as found:
            vectors = embeddings(self.network, [images], layer=self.layer)
        answers = found[-1].detach().float().cpu()
        ahead = self.ahead * (time.perf_counter() - began) / len(images)
        if self.engine != "torch" and (self.engine != "auto" or ahead > LEAST):
            self._join(images, vectors, answers)
            if self.joined is not None and self.engine != "auto":
                return self._by_engine(self.joined, images)
        return vectors, answers

    def _by_engine(self, joined: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        asking = Asking(self.engine, self.fastest, self.ahead + len(images))
        rows = torch.from_numpy(network_outputs(joined, [images], asking))
        return rows[:, : self.width], rows[:, self.width :]

    def _join(self, images: Tensor, vectors: Tensor, answers: Tensor) -> None:
        """Bring features and answers into one network, which an engine can take; else leave it."""
        few = images[:2]
        with together_evaluating(self.network):
            name = self.layer or classifier_layer(self.network, few[:1])
            joined = tapped(self.network, name, few, given=self.layer is None)
        if joined is not None and images.device.type == "cpu":
            wanted = torch.cat([vectors[:2], answers[:2]], dim=1)
            if close(wanted, torch.from_numpy(network_outputs(joined, [few]))):
                self.joined, self.width = joined, vectors.shape[1]
                return
        if self.engine != "auto":
            why = f"its code cannot be followed to what layer {name} makes of images"
            raise refused(self.engine, self.network, why)
        self.engine = "torch"


@contextmanager
def _answers_of(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the network answers while its features are read."""
    answers: list[Tensor] = []
    handle = network.register_forward_hook(lambda _module, _inputs, output: answers.append(output))
    try:
        yield answers
    finally:
        handle.remove()

"""How a model answers: from what people hand in, through the network, to what they read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.data import Preprocessing
from striate.ends import Ends
from striate.engines import EngineName, Fastest, asked_engine
from striate.errors import UsageError
from striate.inference import BATCH_SIZE, Asking, network_outputs, probabilities
from striate.predictions import Predictions, Task
from striate.reading import needed_preprocessing, read_pictures


@dataclass(frozen=True)
class Answering:
    """A network, and what its outputs mean.

    Args:
        network: up to its logits (or numbers).
        tasks: what each output is.
        preprocessing, classes, temperature, target_scale: as in `Model`.
        fastest: what is known of the network's engines.
    """

    network: nn.Module
    ends: Ends
    tasks: tuple[Task, ...]
    preprocessing: Preprocessing | None
    classes: tuple[str, ...]
    temperature: float
    target_scale: tuple[float, float]
    fastest: Fastest

    def arrays(
        self, x: Any, engine: EngineName = "auto"
    ) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """What `values` gives for arrays in memory; of several outputs, one array each."""
        images = self.ends.images(x, self.preprocessing)
        batches = torch.split(images, BATCH_SIZE)
        outputs = self.outputs(batches, len(images), engine)
        if len(self.tasks) == 1:
            return self.values(outputs)
        parts = self.ends.split(torch.from_numpy(outputs))
        return [
            probabilities(task, part.numpy(), self.temperature)
            for task, part in zip(self.tasks, parts, strict=True)
        ]

    def outputs(
        self, batches: Iterable[Tensor], images: int, engine: EngineName = "auto"
    ) -> NDArray[np.float32]:
        """The network's raw outputs, by the fastest engine or the one asked for.

        Args:
            batches: [N, C, H, W]; of several inputs, as `Ends.images` packs them.
            images: how many there are in all.
            engine: "torch" is the network itself; "auto" is as the environment's STRIATE_ENGINE
                says, else the fastest, where that pays.
        Raises:
            UsageError: the engine that was asked for is not installed or cannot run the network.
        """
        asking = Asking(asked_engine(engine), self.fastest, images)
        if self.ends.several:  # packed rows say nothing to an engine
            return network_outputs(self.ends.wrapped(self.network), batches)
        return network_outputs(self.network, batches, asking)

    def pictures(
        self,
        pictures: Any,
        batch_size: int,
        on_progress: Callable[[int, int], None] | None,
        engine: EngineName = "auto",
    ) -> Predictions:
        """What is on pictures, by name.

        Raises:
            DataError: no file was found; or there is no preprocessing to read files with.
        """
        preprocessing = needed_preprocessing(self.preprocessing)
        reading = read_pictures(pictures, preprocessing, batch_size, on_progress)
        values = self.values(self.outputs(reading.batches(), len(reading.sources), engine))
        classes = self.classes or tuple(map(str, range(values.shape[1] if values.ndim == 2 else 0)))
        return Predictions(self.tasks[0], classes, reading.ids, values, reading.unreadable)

    def values(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw outputs of the network -> probabilities [n, classes], or numbers [n].

        Raises:
            UsageError: there are not as many class names as outputs.
        """
        if not len(outputs):
            return np.zeros((0, len(self.classes)))
        task = self.tasks[0]
        if task == "single_label" and len(self.classes) not in (0, outputs.shape[1]):
            raise UsageError(
                "model-class-number",
                f"The model names {len(self.classes)} classes, and the network has "
                f"{outputs.shape[1]} outputs.",
                f"Give {outputs.shape[1]} names in classes=, or the last layer "
                f"{len(self.classes)} units.",
            )
        return probabilities(task, outputs, self.temperature, self.target_scale)

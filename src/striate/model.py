"""A model: a network, how it eats a photograph, what its outputs are called, and the verbs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.architecture import architecture_card
from striate.arrays import input_tensor
from striate.data import Preprocessing
from striate.errors import DataError, ShapeError, UsageError
from striate.fitting import Compiled, History, compiled, evaluate_arrays, fit_arrays
from striate.inference import BATCH_SIZE, network_outputs, probabilities
from striate.metrics import Estimate
from striate.model_file import write_model_file
from striate.predictions import Predictions, Task
from striate.reading import Picture, read_pictures
from striate.summaries import Summary, summary


class Model:
    """Any `torch.nn.Module` with its preprocessing and its classes by name.

    Args:
        network: images [N, C, H, W] -> logits [N, classes], or a number each; ours or anybody's.
        preprocessing: how photographs become the input tensor; needed to predict files.
        classes: the names of the outputs, in their order.
        task: what the outputs are: logits of one class, of several, or a number.
        temperature: logits are divided by it before they become probabilities.
        target_scale: mean and deviation by which a predicted number is scaled back.
        provenance: what made it (data, recipe, metrics): plain JSON values, kept in the file.
    Raises:
        UsageError: the network is none, or a class name is repeated.

    >>> model = Model(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)))
    >>> model.predict(np.zeros((1, 2, 2, 1))).round(2).shape
    (1, 2)
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        preprocessing: Preprocessing | None = None,
        classes: Sequence[str] = (),
        task: Task = "single_label",
        temperature: float = 1.0,
        target_scale: tuple[float, float] = (0.0, 1.0),
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(network, nn.Module):
            raise UsageError(
                "model-no-network",
                f"Model takes a torch.nn.Module, got {type(network).__name__}.",
                "striate.zoo.create(name, classes=…) makes one; striate.load(path) reads a model.",
            )
        if len(set(classes)) < len(classes):
            raise UsageError("model-class-repeated", f"Class names repeat: {list(classes)}.")
        # One memory layout everywhere, so that the same weights give the same bits.
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.classes = tuple(classes)
        self.task: Task = task
        self.temperature = temperature
        self.target_scale = target_scale
        self.provenance = dict(provenance or {})
        self._compiled: Compiled | None = None

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.input_shape or "?"))
        what = f"{len(self.classes)} classes" if self.classes else self.task
        return f"{type(self).__name__}({type(self._network).__name__}, input {shape}, {what})"

    @property
    def network(self) -> nn.Module:
        """The whole network, as it was given or built."""
        return self._network

    @property
    def logits_network(self) -> nn.Module:
        """The network up to its logits: without a last softmax or sigmoid."""
        return self._network

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """(height, width, channels) of the images it takes, where that is known."""
        if self.preprocessing is None:
            return None
        return (*self.preprocessing.size, self.preprocessing.channels)

    def compile(
        self,
        optimizer: str = "adam",
        loss: Any = "categorical_crossentropy",
        metrics: Sequence[str] = ("accuracy",),
        learning_rate: float | None = None,
    ) -> None:
        """Choose how `fit` trains: an optimizer and a loss by name, as Keras names them.

        Raises:
            UnknownName: no optimizer, loss or metric has that name.
        """
        self._compiled = compiled(optimizer, loss, metrics, learning_rate)
        self.task = self._compiled.task

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        epochs: int = 1,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        seed: int = 0,
        verbose: bool = True,
    ) -> History:
        """Train on arrays that fit in memory; for files see `striate.train`.

        Shape: x [N, H, W, C] (torch: [N, C, H, W]) or [N, F]; y [N] integers or [N, classes].
        A model with preprocessing takes arrays as pictures (uint8, uint16, or floats in 0..1)
        through it, here, in `evaluate` and in `predict`; torch tensors of floats as they are.
        Args:
            validation_split: fraction 0..1 of x that is held out, drawn at random by `seed`
                with every class in proportion.
        Raises:
            UsageError: the model was not compiled.
            ShapeError: x does not fit the network.
            DataError: y does not fit it.
        """
        how = self._need_compiled("fit")
        images = self._inputs(x)
        self._prepare(images)
        if validation_data is not None:
            validation_data = (self._inputs(validation_data[0]), validation_data[1])
        return fit_arrays(
            self.logits_network,
            how,
            (images, y),
            input_shape=self.input_shape,
            batch_size=batch_size,
            epochs=epochs,
            validation=validation_data,
            validation_split=validation_split,
            seed=seed,
            verbose=verbose,
        )

    def evaluate(self, x: Any, y: Any) -> dict[str, Estimate]:
        """The loss and the compiled metrics on arrays, each with its interval and n."""
        how = self._need_compiled("evaluate")
        return evaluate_arrays(self.logits_network, how, self._inputs(x), y)

    @overload
    def predict(self, images: NDArray[Any] | Tensor) -> NDArray[np.float64]: ...
    @overload
    def predict(self, images: Picture | Iterable[Picture]) -> Predictions: ...
    def predict(self, images: Any) -> Predictions | NDArray[np.float64]:
        """Probabilities, batched, for arrays; named predictions for pictures.

        Args:
            images: an array or tensor of images, as for `fit`; or a path, a folder, a glob such
                as "new/*.jpg", a Pillow image, or several of these.
        Returns:
            Arrays in, array out: [N, classes] probabilities ([N] for a number). Pictures in,
            `Predictions` out, in the same order; files that are no images are listed in it.
        Raises:
            DataError: no file was found; or the model has no preprocessing to read files with.
        """
        if isinstance(images, np.ndarray | Tensor):
            return self._predict_arrays(images)
        if isinstance(images, list | tuple) and any(
            isinstance(one, np.ndarray | Tensor) for one in images
        ):
            return self._predict_arrays(images)
        return self.predict_pictures(images)

    def predict_pictures(
        self,
        pictures: Any,
        batch_size: int = BATCH_SIZE,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Predictions:
        """`predict` for files and Pillow images, with a batch size to fit the memory.

        Args:
            on_progress: called with the number of pictures done and of all.
        """
        if self.preprocessing is None:
            raise DataError(
                "model-no-preprocessing",
                "This model was trained on arrays and does not know how to read a picture.",
                "Give it one: model.preprocessing = st.Preprocessing(size=…, channels=…).",
            )
        reading = read_pictures(pictures, self.preprocessing, batch_size, on_progress)
        values = self.answers(network_outputs(self.logits_network, reading.batches()))
        return Predictions(
            self.task, self.classes or _numbered(values), reading.ids, values, reading.unreadable
        )

    def summary(self, input_shape: tuple[int, ...] | None = None) -> Summary:
        """Print every layer's output shape, weights, multiply-adds and receptive field.

        Raises:
            ShapeError: the input shape is not known and was not given.
        """
        shape = input_shape or self.input_shape
        if shape is None:
            raise ShapeError(
                "shape-input-unknown",
                "The summary needs the shape of an image.",
                "model.summary((height, width, channels))",
            )
        table = summary(self.network, shape)
        print(table)
        return table

    def save(self, path: str | Path) -> Path:
        """Write everything into one safetensors file; no code, no pickle.

        Raises:
            FileError: the disk is full or the folder cannot be written.
        """
        write_model_file(Path(path), self.network.state_dict(), self._card())
        return Path(path)

    def _card(self) -> dict[str, Any]:
        return {
            "architecture": self._architecture(),
            "task": self.task,
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.to_json() if self.preprocessing else None,
            "temperature": self.temperature,
            "target_scale": list(self.target_scale),
            "compiled": self._compiled.to_json() if self._compiled else None,
            "provenance": self.provenance,
        }

    def _architecture(self) -> dict[str, Any]:
        return architecture_card(self.network)

    def _prepare(self, images: Tensor) -> None:
        """Called before training with images of the shape to come."""

    def _need_compiled(self, verb: str) -> Compiled:
        if self._compiled is None:
            raise UsageError(
                "model-not-compiled",
                f"{verb}: the model has no optimizer and loss yet.",
                'Call model.compile(optimizer="adam", loss="categorical_crossentropy") first.',
            )
        return self._compiled

    def _inputs(self, x: Any) -> Tensor:
        """Images [N, C, H, W] or rows [N, F] as the network takes them."""
        prepared = isinstance(x, Tensor) and x.is_floating_point()
        if self.preprocessing is None or prepared:
            return input_tensor(x, input_shape=self.input_shape)
        return self.preprocessing(_pictures(x, self.preprocessing.channels))

    def _predict_arrays(self, x: Any) -> NDArray[np.float64]:
        batches = torch.split(self._inputs(x), BATCH_SIZE)
        return self.answers(network_outputs(self.logits_network, batches))

    def answers(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw outputs of the network -> probabilities [n, classes], or numbers [n]."""
        if not len(outputs):
            return np.zeros((0, len(self.classes)))
        return probabilities(self.task, outputs, self.temperature, self.target_scale)


def _numbered(values: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(str(k) for k in range(values.shape[1])) if values.ndim == 2 else ()


def _pictures(x: Any, channels: int) -> list[NDArray[Any]]:
    """An array of one or several pictures, or a list of them -> arrays [H, W, C] or [H, W]."""
    if isinstance(x, list | tuple):
        return [picture for one in x for picture in _pictures(one, channels)]
    if isinstance(x, Tensor):
        x = x.movedim(-3, -1).cpu().numpy()
    single = x.ndim == 2 or (x.ndim == 3 and x.shape[-1] == channels != 1)
    return [x] if single else list(x)

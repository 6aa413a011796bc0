"""A model: a network, how it eats a photograph, what its outputs are called, and the verbs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate import layers as layer_vocabulary
from striate.architecture import architecture_card, rebuild
from striate.arrays import input_tensor, row_shape
from striate.data import Preprocessing
from striate.errors import DataError, FileError, ShapeError, UsageError
from striate.fitting import Compiled, History, compiled, evaluate_arrays, fit_arrays
from striate.inference import BATCH_SIZE, network_outputs, probabilities
from striate.layers import Layer
from striate.metrics import Estimate
from striate.model_file import read_model_file, write_model_file
from striate.predictions import Predictions, Task
from striate.reading import Picture, is_picture, read_pictures
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
        UsageError: a class name is repeated.

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
        Args:
            validation_split: fraction 0..1 of x that is held out, drawn at random by `seed`
                with every class in proportion.
        Raises:
            UsageError: the model was not compiled.
            ShapeError: x does not fit the network.
            DataError: y does not fit it.
        """
        self._prepare(input_tensor(x[:1], input_shape=self.input_shape))
        return fit_arrays(
            self.logits_network,
            self._need_compiled("fit"),
            (x, y),
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
        images = input_tensor(x, input_shape=self.input_shape)
        return evaluate_arrays(self.logits_network, self._need_compiled("evaluate"), images, y)

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
        if not is_picture(images) and len(images) and isinstance(images[0], np.ndarray | Tensor):
            return self._predict_arrays(np.stack([np.asarray(image) for image in images]))
        return self.predict_pictures(images)

    def predict_pictures(self, pictures: Any, batch_size: int = BATCH_SIZE) -> Predictions:
        """`predict` for files and Pillow images, with a batch size to fit the memory."""
        if self.preprocessing is None:
            raise DataError(
                "model-no-preprocessing",
                "This model was trained on arrays and does not know how to read a picture.",
                "Give it one: model.preprocessing = st.Preprocessing(size=…, channels=…).",
            )
        reading = read_pictures(pictures, self.preprocessing, batch_size)
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

    def _predict_arrays(self, x: NDArray[Any] | Tensor) -> NDArray[np.float64]:
        if self.preprocessing is not None and x.dtype in (np.uint8, torch.uint8):
            images = self.preprocessing(_pictures(x, self.preprocessing.channels))
        else:
            images = input_tensor(x, input_shape=self.input_shape)
        return self.answers(network_outputs(self.logits_network, torch.split(images, BATCH_SIZE)))

    def answers(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw outputs of the network -> probabilities [n, classes], or numbers [n]."""
        if not len(outputs):
            return np.zeros((0, len(self.classes)))
        return probabilities(self.task, outputs, self.temperature, self.target_scale)


class Sequential(Model):
    """A model as a list of layers, each seeing what the one before it gives.

    The input shape comes from an `Input` layer, from `input_shape=` of the first layer, or from
    the first array that `fit` sees.

    >>> from striate import layers
    >>> model = Sequential([layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])
    >>> sum(weight.numel() for weight in model.network.parameters())
    7850
    """

    def __init__(
        self,
        layers: Iterable[Layer] = (),
        *,
        preprocessing: Preprocessing | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        super().__init__(nn.Identity(), preprocessing=preprocessing, classes=classes)
        self.layers: list[Layer] = []
        self._built_for: tuple[int, ...] | None = None
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Append a layer; where the input shape is known its shapes are checked at once.

        Raises:
            ShapeError: the layer does not fit what comes before it; the model stays as it was.
        """
        stack = [*self.layers, layer]
        if (shape := layer_vocabulary.declared_input_shape(stack)) is not None:
            layer_vocabulary.infer(stack, shape)
        self.layers = stack
        self._built_for = None

    @property
    def network(self) -> nn.Sequential:
        """The layers as torch modules, built when first needed.

        Raises:
            ShapeError: the input shape is not known yet.
        """
        if self._built_for is None:
            shape = self.input_shape
            if shape is None:
                raise ShapeError(
                    "shape-input-unknown",
                    "The network cannot be built before the shape of its input is known.",
                    "Begin with layers.Input((height, width, channels)), or call fit.",
                )
            self._build(shape)
        return self._network

    @property
    def logits_network(self) -> nn.Module:
        final = layer_vocabulary.final_activation(self.layers)
        whole = self.network
        return whole[:-1] if final in ("softmax", "sigmoid") else whole

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        declared = layer_vocabulary.declared_input_shape(self.layers)
        return self._built_for or declared or super().input_shape

    def _build(self, shape: tuple[int, ...]) -> None:
        network = layer_vocabulary.build(self.layers, shape)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._built_for = shape

    def _prepare(self, images: Tensor) -> None:
        if self._built_for is None:
            self._build(self.input_shape or row_shape(images))

    def _architecture(self) -> dict[str, Any]:
        return {
            "kind": "layers",
            "layers": [layer.to_json() for layer in self.layers],
            "input_shape": list(self.input_shape or ()),
        }


def load(path: str | Path, network: nn.Module | None = None) -> Model:
    """The model in a file that `Model.save` or a training wrote; a run folder may be named too.

    Args:
        network: a network of your own class to take the weights, where the file says that it
            holds the weights of one.
    Raises:
        FileError: the file is missing, damaged, newer, foreign, a pickle, or does not fit.
    """
    file = Path(path)
    if (file / "model.safetensors").is_file():
        file = file / "model.safetensors"
    card, state = read_model_file(file)
    model = _assemble(card, network, file)
    try:
        model.network.load_state_dict(state)
    except RuntimeError as error:
        raise FileError(
            "model-does-not-fit",
            f"The weights in {file} do not fit the network: {error}.",
            "Give the same network that was saved.",
        ) from error
    return model


def _assemble(card: Mapping[str, Any], network: nn.Module | None, file: Path) -> Model:
    recipe = card["preprocessing"]
    preprocessing = Preprocessing.from_json(recipe) if recipe else None
    if card["architecture"]["kind"] == "layers" and network is None:
        described = [layer_vocabulary.from_json(layer) for layer in card["architecture"]["layers"]]
        model: Model = Sequential(described, preprocessing=preprocessing, classes=card["classes"])
        model._prepare(torch.empty(1, *_channels_first(card["architecture"]["input_shape"])))
    else:
        built = network if network is not None else rebuild(card["architecture"], file)
        model = Model(built, preprocessing=preprocessing, classes=card["classes"])
    model.task = card["task"]
    model.temperature = card["temperature"]
    model.target_scale = tuple(card["target_scale"])
    model.provenance = card["provenance"]
    if card["compiled"]:
        model._compiled = compiled(**card["compiled"])
    return model


def _channels_first(shape: Sequence[int]) -> tuple[int, ...]:
    *rest, channels = shape
    return (channels, *rest)


def _numbered(values: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(str(k) for k in range(values.shape[1])) if values.ndim == 2 else ()


def _pictures(x: NDArray[Any] | Tensor, channels: int) -> list[NDArray[np.uint8]]:
    """A uint8 array of one or several images -> a list of [H, W, C] arrays."""
    array = x.permute(*range(x.ndim - 3), -2, -1, -3).numpy() if isinstance(x, Tensor) else x
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == channels != 1)
    return [array] if single else list(array)

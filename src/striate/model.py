"""A model: a network, how it eats a photograph, what its outputs are called, and the verbs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate import layers as layer_vocabulary
from striate.architecture import architecture_card
from striate.arrays import number_array
from striate.compiling import Compiled, compiled
from striate.data import Preprocessing
from striate.ends import Ends
from striate.errors import DataError, ShapeError, UsageError
from striate.fitting import History, Settings, evaluate_arrays, fit_arrays
from striate.inference import BATCH_SIZE, network_outputs, probabilities
from striate.layers import Symbolic
from striate.mistakes import Chain, check_last_layer
from striate.model_file import write_model_file
from striate.nn import GraphNetwork, Penalty
from striate.optimizers import Optimizer
from striate.predictions import Predictions, Task
from striate.reading import Picture, read_pictures
from striate.scores import Score
from striate.summaries import Summary, summary
from striate.training import channels_last


class Model:
    """Any `torch.nn.Module` with its preprocessing and its classes by name.

    Made from a network, or from the symbolic `inputs` and `outputs` of layers that were called.

    Args:
        network: images [N, C, H, W] -> logits [N, classes], or a number each; ours or anybody's.
        inputs, outputs: one symbol each, or lists; see `layers.graph`. A last softmax or sigmoid
            is known as such. With several outputs `predict` gives a list.
        preprocessing: how photographs become the input tensor; needed to predict files.
        classes: the names of the outputs, in their order.
        task: what the outputs are: logits of one class, of several, or a number.
        temperature: logits are divided by it before they become probabilities.
        target_scale: mean and deviation by which a predicted number is scaled back.
        provenance: what made it (data, recipe, metrics): plain JSON values, kept in the file.
    Raises:
        UsageError: a class name is repeated; or there is neither a network nor inputs and outputs.

    >>> model = Model(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)))
    >>> model.predict(np.zeros((1, 2, 2, 1))).round(2).shape
    (1, 2)
    """

    def __init__(
        self,
        network: nn.Module | None = None,
        *,
        inputs: Symbolic | Sequence[Symbolic] | None = None,
        outputs: Symbolic | Sequence[Symbolic] | None = None,
        preprocessing: Preprocessing | None = None,
        classes: Sequence[str] = (),
        task: Task = "single_label",
        temperature: float = 1.0,
        target_scale: tuple[float, float] = (0.0, 1.0),
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        if len(set(classes)) < len(classes):
            raise UsageError("model-class-repeated", f"Class names repeat: {list(classes)}.")
        self._network: nn.Module = _network(network, inputs, outputs)
        channels_last(self._network)
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
        """The network up to its logits: without a last softmax or sigmoid.

        A loss for numbers, such as mean squared error, takes what the whole network gives.
        """
        if isinstance(self._network, GraphNetwork) and self.task != "regression":
            return self._network.until(self._logits(self._network))
        return self._network

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """(height, width, channels) of the images it takes; None where not known, or several."""
        if isinstance(self._network, GraphNetwork) and self._network.input_shapes:
            shapes = self._network.input_shapes
            return shapes[0] if len(shapes) == 1 else None
        if self.preprocessing is None:
            return None
        return (*self.preprocessing.size, self.preprocessing.channels)

    def compile(
        self,
        optimizer: str | Optimizer = "adam",
        loss: Any = "categorical_crossentropy",
        metrics: str | Sequence[str] | None = None,
        learning_rate: float | None = None,
        kernel_regularizer: Penalty | str | None = None,
    ) -> None:
        """Choose how `fit` trains, by the names that Keras and torch users know.

        Args:
            optimizer: a name, or one of `striate.optimizers`.
            loss: a name, or one of `striate.losses`; a list with one for each output.
            metrics: names of `scores.METRICS`; None is accuracy, where there are classes.
            learning_rate: outranks the optimizer's own.
            kernel_regularizer: what the kernels of all layers add to the training loss, such as
                `layers.L2(1e-4)`, besides what single layers were given.
        Raises:
            UnknownName: no optimizer, loss or metric has that name.
            UsageError: an option breaks its rule, or a metric does not fit the loss.
        """
        self._compiled = compiled(optimizer, loss, metrics, learning_rate, kernel_regularizer)
        self.task = self._compiled.task

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        epochs: int = 1,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        class_weight: Mapping[int, float] | str | None = None,
        seed: int = 0,
        verbose: bool = True,
    ) -> History:
        """Train on arrays that fit in memory; for files see `striate.train`.

        Shape: x [N, H, W, C] (torch: [N, C, H, W]) or [N, F]; y [N] integers or [N, classes].
            Lists of such arrays where the network has several inputs or outputs.
        A model with preprocessing takes arrays as pictures (uint8, uint16, or floats in 0..1)
        through it, here, in `evaluate` and in `predict`; torch tensors of floats as they are.
        Args:
            validation_split: fraction 0..1 of x that is held out, drawn at random by `seed`
                with every class in proportion.
            class_weight: how much an image of each class counts, by class number; "balanced"
                weighs every class alike.
        Raises:
            UsageError: the model was not compiled, or its last layer contradicts the loss.
            ShapeError: x does not fit the network.
            DataError: y does not fit it.
        """
        how = self._need_compiled("fit")
        images = self._inputs(x)
        self._prepare(images)
        for chain, loss in zip(self._chains(), how.losses_of(self._ends), strict=False):
            check_last_layer(chain, loss)
        if validation_data is not None:
            validation_data = (self._inputs(validation_data[0]), validation_data[1])
        settings = Settings(
            batch_size, epochs, validation_data, validation_split, class_weight, seed, verbose
        )
        return fit_arrays(self.logits_network, how, self._ends, images, y, settings)

    def evaluate(self, x: Any, y: Any) -> dict[str, Score]:
        """The loss and the compiled metrics on arrays, each with its interval and n."""
        how = self._need_compiled("evaluate")
        return evaluate_arrays(self.logits_network, how, self._inputs(x), y, self._ends)

    @overload
    def predict(self, images: NDArray[Any] | Tensor) -> NDArray[np.float64]: ...
    @overload
    def predict(self, images: Picture | Iterable[Picture]) -> Predictions: ...
    @overload
    def predict(self, images: Sequence[NDArray[Any]] | Sequence[Tensor]) -> Any: ...
    def predict(self, images: Any) -> Any:
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
        if self._ends.several:
            return self._predict_several(images)
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
        shapes = [input_shape] if input_shape else list(self._ends.inputs)
        if not shapes:
            raise ShapeError(
                "shape-input-unknown",
                "The summary needs the shape of an image.",
                "model.summary((height, width, channels))",
            )
        left_out = self.logits_network is not self.network  # a last softmax, by `fit`
        table = summary(
            self.network,
            shapes if len(shapes) > 1 else shapes[0],
            loss_takes="probabilities" if left_out else "logits",
        )
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

    def _prepare(self, images: Any) -> None:
        """Called before training with images of the shape to come."""

    @property
    def _ends(self) -> Ends:
        network = self._network
        if isinstance(network, GraphNetwork):
            several = len(network.outputs) > 1
            shapes = network.output_shapes if several else ()
            return Ends(network.input_shapes, network.output_names if several else ("",), shapes)
        return Ends(() if self.input_shape is None else (self.input_shape,))

    def _chains(self) -> list[Chain]:
        """The layers that lead to each output, where they are known."""
        if isinstance(self._network, GraphNetwork) and self._network.described:
            described = layer_vocabulary.graph_from_json(self._network.described)
            return [described.chain(name) for name in described.outputs]
        return []

    def _logits(self, network: GraphNetwork) -> list[str]:
        """The values that the losses take: before a softmax or sigmoid, unless for numbers."""
        tasks = self._tasks(network)
        return [
            value if task == "regression" else logits
            for value, logits, task in zip(network.outputs, network.logits, tasks, strict=True)
        ]

    def _tasks(self, network: GraphNetwork) -> list[Task]:
        """What each output is: by its loss, or by its last activation before there are losses."""
        if len(network.outputs) == 1:
            return [self.task]
        if self._compiled is not None:
            return [loss.task for loss in self._compiled.losses_of(self._ends)]
        kinds: dict[str, Task] = {"softmax": "single_label", "sigmoid": "multi_label"}
        return [kinds.get(final, "regression") for final in network.final_activations]

    def _need_compiled(self, verb: str) -> Compiled:
        if self._compiled is None:
            raise UsageError(
                "model-not-compiled",
                f"{verb}: the model has no optimizer and loss yet.",
                'Call model.compile(optimizer="adam", loss="categorical_crossentropy") first.',
            )
        return self._compiled

    def _inputs(self, x: Any) -> Tensor:
        """Images [N, C, H, W] or rows [N, F] as the network takes them; several inputs packed."""
        prepared = isinstance(x, Tensor) and x.is_floating_point()
        if self.preprocessing is None or prepared or len(self._ends.inputs) > 1:
            return self._ends.images(x)
        return self.preprocessing(_pictures(x, self.preprocessing.channels))

    def _predict_arrays(self, x: Any) -> NDArray[np.float64]:
        batches = torch.split(self._inputs(x), BATCH_SIZE)
        return self.answers(network_outputs(self.logits_network, batches))

    def _predict_several(self, x: Any) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """One array for each output."""
        network, ends = self._network, self._ends
        if not isinstance(network, GraphNetwork):
            raise TypeError("only graphs have several ends")  # our own mistake
        rows = torch.split(self._inputs(x), BATCH_SIZE)
        wrapped = ends.wrapped(network.until(self._logits(network)))
        outputs = ends.split(torch.from_numpy(network_outputs(wrapped, rows)))
        found = [
            probabilities(task, each.numpy(), self.temperature)
            for task, each in zip(self._tasks(network), outputs, strict=True)
        ]
        return found[0] if len(found) == 1 else found

    def answers(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw outputs of the network -> probabilities [n, classes], or numbers [n]."""
        if not len(outputs):
            return np.zeros((0, len(self.classes)))
        if self.task == "single_label" and len(self.classes) not in (0, outputs.shape[1]):
            raise UsageError(
                "model-class-number",
                f"The model names {len(self.classes)} classes, and the network has "
                f"{outputs.shape[1]} outputs.",
                f"Give {outputs.shape[1]} names in classes=, or the last layer "
                f"{len(self.classes)} units.",
            )
        return probabilities(self.task, outputs, self.temperature, self.target_scale)


def _network(
    network: nn.Module | None,
    inputs: Symbolic | Sequence[Symbolic] | None,
    outputs: Symbolic | Sequence[Symbolic] | None,
) -> nn.Module:
    """The network that was given, or built from symbols."""
    if isinstance(network, nn.Module) and inputs is None and outputs is None:
        return network
    if network is None and inputs is not None and outputs is not None:
        return layer_vocabulary.graph(inputs, outputs).build()
    raise UsageError(
        "model-no-network",
        "Model takes a torch.nn.Module, or inputs= and outputs= by name, got "
        f"{type(network).__name__}.",
        "st.zoo.create(name, classes=…) makes a module, st.load(path) reads a model; write "
        "st.Model(inputs=x, outputs=y) for layers that were called, st.Sequential([…]) for a list.",
    )


def _numbered(values: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(str(k) for k in range(values.shape[1])) if values.ndim == 2 else ()


def _pictures(x: Any, channels: int) -> list[NDArray[Any]]:
    """An array of one or several pictures, or a list of them -> arrays [H, W, C] or [H, W]."""
    if isinstance(x, list | tuple) and any(isinstance(one, np.ndarray | Tensor) for one in x):
        return [picture for one in x for picture in _pictures(one, channels)]
    if isinstance(x, Tensor):
        x = x.movedim(-3, -1).cpu().numpy()
    x = number_array(x)
    single = x.ndim == 2 or (x.ndim == 3 and x.shape[-1] == channels != 1)
    return [x] if single else list(x)

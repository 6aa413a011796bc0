"""A model: a network, how it eats a photograph, what its outputs are called, and the verbs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.answering import Answering
from striate.architecture import architecture_card, given_or_built
from striate.arrays import holds_arrays
from striate.compiling import Compiled, compiled, needed
from striate.data import Preprocessing
from striate.ends import Ends
from striate.engines import EngineName, Fastest
from striate.errors import ShapeError, UsageError
from striate.explain import Explanation
from striate.explaining import Target, explain
from striate.fitting import History, Settings, evaluate_arrays, fit_arrays
from striate.inference import BATCH_SIZE
from striate.layers import Symbolic
from striate.mistakes import Chain, check_last_layer, graph_chains
from striate.model_file import model_card, write_model_file
from striate.nn import GraphNetwork, Penalty
from striate.optimizers import Optimizer
from striate.predictions import Predictions, Task
from striate.reading import Picture
from striate.scores import Score
from striate.summaries import Summary, summary


class Model:
    """Any `torch.nn.Module` with its preprocessing and its classes by name.

    Made from a network, or from the symbolic `inputs` and `outputs` of layers that were called.

    Args:
        network: images [N, C, H, W] -> logits [N, classes], or a number each; ours or anybody's.
        inputs, outputs: one symbol each, or lists; see `layers.graph`. A last softmax or sigmoid
            is known as such. With several outputs `predict` gives a list.
        seed: fixes the first weights of a network that is made from inputs and outputs.
        preprocessing: how photographs become the input tensor; needed to predict files.
        classes: the names of the outputs, in their order.
        task: what the outputs are: logits of one class, of several, or a number. None is as the
            loss says, before that as a last softmax or sigmoid says, else of one class.
        temperature: logits are divided by it before they become probabilities.
        target_scale: mean and deviation by which a predicted number is scaled back.
        provenance: what made it (data, recipe, metrics): plain JSON values, kept in the file.
    Raises:
        UsageError: a class name is repeated; or there is neither a network nor inputs and outputs.

    >>> model = Model(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    >>> model.predict(np.zeros((1, 2, 2, 1))).round(2).shape
    (1, 2)
    """

    def __init__(
        self,
        network: nn.Module | None = None,
        *,
        inputs: Symbolic | Sequence[Symbolic] | None = None,
        outputs: Symbolic | Sequence[Symbolic] | None = None,
        seed: int = 0,
        preprocessing: Preprocessing | None = None,
        classes: Sequence[str] = (),
        task: Task | None = None,
        temperature: float = 1.0,
        target_scale: tuple[float, float] = (0.0, 1.0),
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        if len(set(classes)) < len(classes):
            raise UsageError("model-class-repeated", f"Class names repeat: {list(classes)}.")
        self._network: nn.Module = given_or_built(network, inputs, outputs, seed)
        self.preprocessing = preprocessing
        self.classes = tuple(classes)
        self._task = task
        self.temperature = temperature
        self.target_scale = target_scale
        self.provenance = dict(provenance or {})
        self._compiled: Compiled | None = None
        self._fastest = Fastest()

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
        network = self._network
        if not isinstance(network, GraphNetwork) or not network.logits:
            return network
        ends = zip(self._tasks(), network.outputs, network.logits, strict=True)
        wanted = tuple(whole if task == "regression" else logits for task, whole, logits in ends)
        return network if wanted == network.outputs else network.until(wanted)

    @property
    def task(self) -> Task:
        """What the first output is; set by `compile`, may be set."""
        return self._task or self._ends.tasks[0]

    @task.setter
    def task(self, task: Task) -> None:
        self._task = task

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """(height, width, channels) of the images it takes; None where not known, or several."""
        if isinstance(self._network, GraphNetwork) and self._network.input_shapes:
            shapes = self._network.input_shapes
            return shapes[0] if len(shapes) == 1 else None
        recipe = self.preprocessing
        return None if recipe is None else (*recipe.size, recipe.channels)

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
        how = needed(self._compiled, "fit")
        images = self._ends.images(x, self.preprocessing)
        self._prepare(images)
        for chain, loss in zip(self._chains(), how.losses_of(self._ends), strict=False):
            check_last_layer(chain, loss)
        if validation_data is not None:
            held_out = self._ends.images(validation_data[0], self.preprocessing)
            validation_data = (held_out, validation_data[1])
        settings = Settings(
            batch_size, epochs, validation_data, validation_split, class_weight, seed, verbose
        )
        return fit_arrays(self.logits_network, how, self._ends, images, y, settings)

    def evaluate(self, x: Any, y: Any, engine: EngineName = "auto") -> dict[str, Score]:
        """The loss and the compiled metrics on arrays, each with its interval and n.

        Args:
            engine: as for `predict`.
        """
        how = needed(self._compiled, "evaluate")
        images = self._ends.images(x, self.preprocessing)
        outputs = self.answering().outputs
        return evaluate_arrays(
            self.logits_network, how, images, y, self._ends, partial(outputs, engine=engine)
        )

    @overload
    def predict(
        self, images: NDArray[Any] | Tensor, engine: EngineName = "auto"
    ) -> NDArray[np.float64]: ...
    @overload
    def predict(
        self, images: Picture | Iterable[Picture], engine: EngineName = "auto"
    ) -> Predictions: ...
    @overload
    def predict(
        self, images: Sequence[NDArray[Any]] | Sequence[Tensor], engine: EngineName = "auto"
    ) -> Any: ...
    def predict(self, images: Any, engine: EngineName = "auto") -> Any:
        """Probabilities, batched, for arrays; named predictions for pictures.

        Args:
            images: an array or tensor of images, as for `fit`; or a path, a folder, a glob such
                as "new/*.jpg", a Pillow image, or several of these.
            engine: "torch" is the network itself; "openvino" or "onnx" another that runs it, where
                it is installed; "auto" is the fastest, as soon as that pays.
        Returns:
            Arrays in, array out: [N, classes] probabilities ([N] for a number). Pictures in,
            `Predictions` out, in the same order; files that are no images are listed in it.
        Raises:
            DataError: no file was found; or the model has no preprocessing to read files with.
            UsageError: the engine is not installed, or cannot run the network.
        """
        if self._ends.several or holds_arrays(images):
            return self.answering().arrays(images, engine)
        return self.predict_pictures(images, engine=engine)

    def predict_pictures(
        self,
        pictures: Any,
        batch_size: int = BATCH_SIZE,
        on_progress: Callable[[int, int], None] | None = None,
        engine: EngineName = "auto",
    ) -> Predictions:
        """`predict` for files and Pillow images, with a batch size to fit the memory.

        Args:
            on_progress: called with the number of pictures done and of all.
        """
        return self.answering().pictures(pictures, batch_size, on_progress, engine)

    def explain(
        self,
        images: Any,
        *,
        method: str = "grad_cam",
        target: Target = None,
        layer: str | None = None,
        options: Mapping[str, Any] | None = None,
        quality: Sequence[str] = (),
    ) -> Explanation:
        """Where the network looked: attribution maps of arrays or pictures.

        Args:
            images: as for `predict`.
            method: a key of `striate.explain.METHODS`.
            target: a class by name or number, or one for each image; None explains the answer.
            layer: the layer to look at, for methods that look at one; found by itself if None.
            options: the method's own, such as `{"steps": 100}`.
            quality: measures of faithfulness, keys of `striate.explain.quality.MEASURES`; what is
                watched when pixels are taken away is the probability of the target.
        Raises:
            UnknownName: no method, class, layer or measure is named so.
            ExplainError: the network cannot be explained in this way; the reason is told.
        """
        return explain(self.answering(), images, method, target, layer, options, quality)

    def answers(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Raw outputs of the network -> probabilities [n, classes], or numbers [n]."""
        return self.answering().values(outputs)

    def answering(self) -> Answering:
        """The network with what its outputs mean: what every verb answers with."""
        return Answering(
            self.logits_network,
            self._ends,
            self._tasks(),
            self.preprocessing,
            self.classes,
            self.temperature,
            self.target_scale,
            self._fastest,
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
        whole = self.logits_network is self.network  # `fit` leaves out a last softmax
        table = summary(self.network, shapes, loss_takes="logits" if whole else "probabilities")
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
        return model_card(
            architecture=self._architecture(),
            task=self.task,
            classes=self.classes,
            preprocessing=self.preprocessing.to_json() if self.preprocessing else None,
            temperature=self.temperature,
            target_scale=self.target_scale,
            compiled=self._compiled.to_json() if self._compiled else None,
            provenance=self.provenance,
        )

    def _architecture(self) -> dict[str, Any]:
        return architecture_card(self.network)

    def _prepare(self, images: Any) -> None:
        """Called before training with images of the shape to come."""

    @property
    def _ends(self) -> Ends:
        return Ends.of(self._network, self.input_shape)

    def _tasks(self) -> tuple[Task, ...]:
        """What each output is: by its loss, or by its last activation before there are losses."""
        if len(self._ends.outputs) == 1:
            return (self.task,)
        return self._compiled.tasks_of(self._ends) if self._compiled else self._ends.tasks

    def _chains(self) -> list[Chain]:
        return graph_chains(self._network)

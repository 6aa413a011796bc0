"""A model as a list of layers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn

from striate import layers as layer_vocabulary
from striate.arrays import input_tensor, row_shape
from striate.data import Preprocessing
from striate.ends import Ends
from striate.errors import DataError, ShapeError
from striate.layers import Layer
from striate.mistakes import Chain, not_a_layer
from striate.model import Model
from striate.training import channels_last


class Sequential(Model):
    """A model as a list of layers, each seeing what the one before it gives.

    The input shape comes from an `Input` layer, from `input_shape=` of the first layer, or from
    the first array that `fit` sees.

    Args:
        seed: fixes the first weights.

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
        seed: int = 0,
    ) -> None:
        super().__init__(nn.Identity(), preprocessing=preprocessing, classes=classes)
        self.seed = seed
        self.layers: list[Layer] = []
        self._built_for: tuple[int, ...] | None = None
        for layer in layers:
            self.add(layer)

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.input_shape or "?"))
        return f"Sequential({len(self.layers)} layers, input {shape})"

    def add(self, layer: Layer) -> None:
        """Append a layer; where the input shape is known its shapes are checked at once.

        Raises:
            ShapeError: the layer does not fit what comes before it; the model stays as it was.
        """
        if not isinstance(layer, Layer):
            raise not_a_layer(layer, len(self.layers) + 1)
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
            self.build(shape)
        return cast(nn.Sequential, self._network)

    @property
    def logits_network(self) -> nn.Module:
        final = layer_vocabulary.final_activation(self.layers)
        whole = self.network
        stripped = final in ("softmax", "sigmoid") and self.task != "regression"
        return whole[:-1] if stripped else whole

    @property
    def _ends(self) -> Ends:
        final = layer_vocabulary.final_activation(self.layers)
        return replace(super()._ends, final_activations=(final,))

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        declared = layer_vocabulary.declared_input_shape(self.layers)
        return self._built_for or declared or super().input_shape

    def build(self, shape: tuple[int, ...]) -> None:
        """Make the torch modules, with fresh weights, for (height, width, channels) or (features,).

        Raises:
            ShapeError: a layer does not fit what comes before it.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._network = layer_vocabulary.build(self.layers, shape)
        channels_last(self._network)
        self._built_for = shape

    def _prepare(self, images: Any) -> None:
        if self._built_for is not None:
            return
        if self.input_shape is None and not len(images):
            raise DataError(
                "data-no-images", "x is empty: there are no images.", "Give at least one image."
            )
        self.build(self.input_shape or row_shape(input_tensor(images[:1])))

    def _chains(self) -> list[Chain]:
        return [list(zip(layer_vocabulary.names(self.layers), self.layers, strict=True))]

    def _architecture(self) -> dict[str, Any]:
        return {
            "kind": "layers",
            "layers": [layer.to_json() for layer in self.layers],
            "input_shape": list(self.input_shape or ()),
        }

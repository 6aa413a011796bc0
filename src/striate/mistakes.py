"""Typical mistakes that run without complaint and learn nothing: found, and told with the fix.

What can only be wrong raises an error; what is most likely not meant warns with `StriateWarning`.
"""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from striate.errors import ShapeError, StriateWarning, UsageError
from striate.layers import Layer, graph_from_json
from striate.losses import Loss
from striate.nn import GraphNetwork
from striate.shapes import written

Chain = Sequence[tuple[str, Layer]]  # layers with their names, from the first to the output
LARGEST = 32.0  # values of images that were brought near 0..1 stay below; 16 is scikit-learn's


def graph_chains(network: nn.Module) -> list[Chain]:
    """The layers that lead to each output of a graph of layers; none of other networks."""
    if not isinstance(network, GraphNetwork) or not network.described:
        return []
    described = graph_from_json(network.described)
    return [described.chain(name) for name in described.outputs]


def check_last_layer(chain: Chain, loss: Loss) -> None:
    """Whether the last layer gives what the loss takes.

    Raises:
        UsageError: its activation contradicts the loss.
    """
    if not chain:
        return
    name, layer = chain[-1]
    final = layer.final_activation
    if final == "softmax" and loss.task == "multi_label":
        raise UsageError(
            "train-softmax-loss",
            f"{name}: softmax shares 1 between all outputs, and {loss.name} takes each output "
            "for itself.",
            'Use loss="categorical_crossentropy" for one class an image, or '
            'activation="sigmoid" for several labels.',
        )
    if final == "sigmoid" and loss.task == "single_label":
        raise UsageError(
            "train-sigmoid-loss",
            f"{name}: sigmoid takes each output for itself, and {loss.name} shares 1 between all "
            "outputs.",
            'Use activation="softmax" for one class an image, or loss="binary_crossentropy" for '
            "several labels or one yes-or-no output.",
        )
    if final == "softmax" and getattr(layer, "units", 0) == 1:
        raise UsageError(
            "train-softmax-of-one",
            f"{name}: softmax over 1 unit is always 1, so nothing can be learned.",
            'Use Dense(1, activation="sigmoid") with loss="binary_crossentropy", or Dense(2, '
            'activation="softmax").',
        )
    _warn_of_last_layer(chain, loss)


def check_outputs(network: nn.Module, loss: Loss, outputs: Tensor) -> None:
    """Whether a network gives one row for each image, and no probabilities where it must not.

    Shape: outputs of one image, [1, …].
    Raises:
        ShapeError: it gives a map.
    """
    last = _last_module(network)
    if loss.task != "regression" and outputs.ndim > 2:
        raise ShapeError(
            "train-outputs-not-rows",
            f"{last}: the network gives {written(tuple(outputs.shape[1:]))} values for an image "
            f"(channels first), and {loss.name} takes one row of classes.",
            "End with Flatten() or GlobalAveragePooling2D(), then Dense(classes).",
        )
    if loss.task == "single_label" and outputs.ndim == 2 and outputs.shape[1] == 1:
        raise ShapeError(
            "train-one-output",
            f"{last}: the network has 1 output, and {loss.name} needs one for each class.",
            'Give the last layer one unit for each class, or use loss="binary_crossentropy".',
        )
    found = _probability_module(network)
    if found and loss.task == "single_label":
        _tell(
            StriateWarning(
                "train-softmax-twice",
                f"{found}: the network ends with a softmax, and {loss.name} takes one again.",
                "Leave it out: a network in st.Model gives logits, and predict takes the softmax.",
            ),
        )


def warn_of_scale(inputs: Sequence[Tensor], network: nn.Module) -> None:
    """Warn of pixels of 0..255: with the usual weights and rates a network hardly learns them.

    Rows [N, features] count as pixels where there are many and they fill 0..255.
    """
    if _normalises_first(network):
        return
    for number, values in enumerate(inputs):
        least, largest = float(values.min()), float(values.max())
        pixels = least >= 0 and 128 <= largest <= 255 and values.shape[1] >= 64
        if largest > LARGEST and (values.ndim > 3 or pixels):
            x = f"x[{number}]" if len(inputs) > 1 else "x"
            scale = _full_scale(largest)
            _tell(
                StriateWarning(
                    "data-not-scaled",
                    f"{x}: values reach {largest:g}; networks learn from values of about 0 to 1.",
                    f"Divide by {scale:g}, here and in predict: {x} / {scale:g}.",
                )
            )


def warn_of_one_hot(y: Any, loss: Loss) -> None:
    """Warn where rows meet a loss that is named for class numbers."""
    shape = np.shape(y)
    if loss.name == "sparse_categorical_crossentropy" and len(shape) == 2 and shape[1] > 1:
        _tell(
            StriateWarning(
                "train-labels-one-hot",
                f"y: {loss.name} takes class numbers [{shape[0]}], got rows {list(shape)}; each "
                "row counts as its largest column.",
                'Use loss="categorical_crossentropy", or y.argmax(axis=1).',
            ),
        )


def not_a_layer(thing: Any, number: int) -> UsageError:
    """The error for what was given as the layer of that number and is none."""
    name = thing.__name__ if isinstance(thing, type) else type(thing).__name__
    got, fix = repr(thing), "Write for example layers.Flatten()."
    if isinstance(thing, type):
        got, fix = f"the class {name}", f"Write {name}() with parentheses."
    elif isinstance(thing, nn.Module):
        got = f"the torch module {thing!r}"
        fix = "Use a layer of striate.layers, or st.Model(network) for a torch network."
    return UsageError(
        "model-not-a-layer",
        f"Sequential: layer {number} must be one of striate.layers, got {got}.",
        fix,
    )


def last_layer(network: nn.Module) -> str:
    """The layer that gives the outputs, to be said after "the last layer".

    >>> last_layer(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    ", '1' (Linear),"
    """
    name, module = list(network.named_modules())[-1]
    return f", {name!r} ({type(module).__name__})," if name else ""


def _tell(warning: StriateWarning) -> None:
    """Warn at the line of the person's own code that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == "striate":
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def _warn_of_last_layer(chain: Chain, loss: Loss) -> None:
    name, layer = chain[-1]
    if layer.final_activation == "softmax":
        for before, other in reversed(chain[:-1]):
            if other.final_activation == "softmax":
                _tell(
                    StriateWarning(
                        "train-softmax-twice",
                        f"{before} and {name}: softmax is taken twice, which leaves probabilities "
                        "nearly equal.",
                        f"Remove the activation of {before}.",
                    ),
                )
    if layer.final_activation in ("relu", "relu6") and loss.task != "regression":
        _tell(
            StriateWarning(
                "train-last-relu",
                f"{name}: the last layer ends with {layer.final_activation}, so no logit can be "
                "negative and units that reach 0 stop learning.",
                'Use activation="softmax" (or "sigmoid" for several labels) there.',
            ),
        )


def _probability_module(network: nn.Module) -> str:
    """The name of a softmax that a network's forward pass ends with, as far as can be told."""
    modules = list(network.named_modules())
    name, last = modules[-1] if modules else ("", network)
    return f"{name or 'network'} (Softmax)" if isinstance(last, nn.Softmax) else ""


def _last_module(network: nn.Module) -> str:
    return list(network.named_modules())[-1][0] or type(network).__name__


def _normalises_first(network: nn.Module) -> bool:
    """Whether the first module that computes brings values to any scale by itself."""
    leaves = (module for module in network.modules() if not list(module.children()))
    return isinstance(next(leaves, None), _BatchNorm | nn.LayerNorm)


def _full_scale(largest: float) -> float:
    return 255.0 if largest <= 255 else 65535.0 if 4096 < largest <= 65535 else largest

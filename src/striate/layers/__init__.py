"""The Keras-like vocabulary: layers as data that infer shapes and build torch modules."""

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from striate.errors import FileError, StriateError
from striate.layers._layer import Layer as Layer
from striate.layers.convolution import Conv2D as Conv2D
from striate.layers.core import Activation as Activation
from striate.layers.core import Dense as Dense
from striate.layers.core import Dropout as Dropout
from striate.layers.core import Flatten as Flatten
from striate.layers.core import Input as Input
from striate.layers.normalization import BatchNormalization as BatchNormalization
from striate.layers.pooling import AveragePooling2D as AveragePooling2D
from striate.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from striate.layers.pooling import MaxPooling2D as MaxPooling2D
from striate.layers.stack import build as build
from striate.layers.stack import declared_input_shape as declared_input_shape
from striate.layers.stack import final_activation as final_activation
from striate.layers.stack import infer as infer
from striate.layers.stack import names as names

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Input,
        Conv2D,
        MaxPooling2D,
        AveragePooling2D,
        GlobalAveragePooling2D,
        Dense,
        Flatten,
        BatchNormalization,
        Dropout,
        Activation,
    )
}


def from_json(data: Mapping[str, Any]) -> Layer:
    """The layer that `Layer.to_json` wrote.

    Raises:
        FileError: an unknown kind of layer, an unknown or missing option, or a value that the
            layer refuses.

    >>> from_json({"layer": "Dense", "units": 10, "activation": "softmax"})
    Dense(name=None, input_shape=None, units=10, activation='softmax', use_bias=True, ...)
    """
    options = {key: value for key, value in data.items() if key != "layer"}
    kind = data.get("layer")
    if not isinstance(kind, str) or kind not in LAYERS:
        raise _bad(f"no layer is called {kind!r}", str(kind), LAYERS)
    known = [each.name for each in fields(LAYERS[kind]) if each.init]
    for option in options:
        if option not in known:
            raise _bad(f"{kind} has no option {option!r}", option, known)
    try:
        return LAYERS[kind](**{key: _tuples(value) for key, value in options.items()})
    except (StriateError, TypeError) as error:
        raise FileError("model-bad-layer", f"A layer's description is wrong: {error}") from error


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _bad(what: str, name: str, known: Any) -> FileError:
    close = get_close_matches(name, list(known), n=1)
    fix = f"Did you mean {close[0]!r}?" if close else "A newer Striate may have written it."
    return FileError("model-bad-layer", f"A layer's description is wrong: {what}.", fix)

"""The Keras-like vocabulary: layers as data that infer shapes and build torch modules."""

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from striate.errors import FileError, StriateError
from striate.layers._layer import Layer as Layer
from striate.layers._symbol import Symbol as Symbol
from striate.layers._symbol import Symbolic as Symbolic
from striate.layers.activations import ELU as ELU
from striate.layers.activations import Activation as Activation
from striate.layers.activations import LeakyReLU as LeakyReLU
from striate.layers.activations import PReLU as PReLU
from striate.layers.activations import ReLU as ReLU
from striate.layers.activations import Softmax as Softmax
from striate.layers.blocks import Branches as Branches
from striate.layers.blocks import Residual as Residual
from striate.layers.borders import Cropping1D as Cropping1D
from striate.layers.borders import Cropping2D as Cropping2D
from striate.layers.borders import Cropping3D as Cropping3D
from striate.layers.borders import ZeroPadding1D as ZeroPadding1D
from striate.layers.borders import ZeroPadding2D as ZeroPadding2D
from striate.layers.borders import ZeroPadding3D as ZeroPadding3D
from striate.layers.convolution import Conv1D as Conv1D
from striate.layers.convolution import Conv2D as Conv2D
from striate.layers.convolution import Conv3D as Conv3D
from striate.layers.core import Dense as Dense
from striate.layers.core import Flatten as Flatten
from striate.layers.core import Input as Input
from striate.layers.dropping import Dropout as Dropout
from striate.layers.dropping import DropPath as DropPath
from striate.layers.dropping import SpatialDropout1D as SpatialDropout1D
from striate.layers.dropping import SpatialDropout2D as SpatialDropout2D
from striate.layers.dropping import SpatialDropout3D as SpatialDropout3D
from striate.layers.functional import Graph as Graph
from striate.layers.functional import graph as graph
from striate.layers.functional import graph_from_json as graph_from_json
from striate.layers.global_pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from striate.layers.global_pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from striate.layers.global_pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from striate.layers.global_pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from striate.layers.global_pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from striate.layers.global_pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from striate.layers.global_pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from striate.layers.global_pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from striate.layers.global_pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from striate.layers.global_pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from striate.layers.global_pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from striate.layers.global_pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from striate.layers.keras1 import Convolution2D as Convolution2D
from striate.layers.maxout import Maxout as Maxout
from striate.layers.merge import Add as Add
from striate.layers.merge import Average as Average
from striate.layers.merge import Concatenate as Concatenate
from striate.layers.merge import Maximum as Maximum
from striate.layers.merge import Multiply as Multiply
from striate.layers.modern_blocks import DenseBlock as DenseBlock
from striate.layers.modern_blocks import Fire as Fire
from striate.layers.modern_blocks import InvertedResidual as InvertedResidual
from striate.layers.modern_blocks import SqueezeExcite as SqueezeExcite
from striate.layers.normalization import BatchNormalization as BatchNormalization
from striate.layers.normalization import GroupNormalization as GroupNormalization
from striate.layers.normalization import LayerNormalization as LayerNormalization
from striate.layers.normalization import LocalResponseNormalization as LocalResponseNormalization
from striate.layers.pooling import AveragePooling1D as AveragePooling1D
from striate.layers.pooling import AveragePooling2D as AveragePooling2D
from striate.layers.pooling import AveragePooling3D as AveragePooling3D
from striate.layers.pooling import MaxPooling1D as MaxPooling1D
from striate.layers.pooling import MaxPooling2D as MaxPooling2D
from striate.layers.pooling import MaxPooling3D as MaxPooling3D
from striate.layers.recurrent import GRU as GRU
from striate.layers.recurrent import LSTM as LSTM
from striate.layers.reshaping import Reshape as Reshape
from striate.layers.separable import DepthwiseConv2D as DepthwiseConv2D
from striate.layers.separable import PointwiseConv2D as PointwiseConv2D
from striate.layers.separable import SeparableConv1D as SeparableConv1D
from striate.layers.separable import SeparableConv2D as SeparableConv2D
from striate.layers.stack import build as build
from striate.layers.stack import declared_input_shape as declared_input_shape
from striate.layers.stack import final_activation as final_activation
from striate.layers.stack import infer as infer
from striate.layers.stack import names as names
from striate.layers.transpose import Conv1DTranspose as Conv1DTranspose
from striate.layers.transpose import Conv2DTranspose as Conv2DTranspose
from striate.layers.transpose import Conv3DTranspose as Conv3DTranspose
from striate.layers.upsampling import UpSampling1D as UpSampling1D
from striate.layers.upsampling import UpSampling2D as UpSampling2D
from striate.layers.upsampling import UpSampling3D as UpSampling3D
from striate.nn import L1 as L1
from striate.nn import L1L2 as L1L2
from striate.nn import L2 as L2
from striate.nn import Penalty as Penalty
from striate.nn import penalty as penalty

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        Input,
        Conv1D,
        Conv2D,
        Conv3D,
        Conv1DTranspose,
        Conv2DTranspose,
        Conv3DTranspose,
        SeparableConv1D,
        SeparableConv2D,
        DepthwiseConv2D,
        PointwiseConv2D,
        MaxPooling1D,
        MaxPooling2D,
        MaxPooling3D,
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D,
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D,
        Dense,
        Maxout,
        Flatten,
        Reshape,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
        Cropping1D,
        Cropping2D,
        Cropping3D,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
        BatchNormalization,
        LayerNormalization,
        GroupNormalization,
        LocalResponseNormalization,
        Dropout,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
        DropPath,
        Activation,
        ReLU,
        LeakyReLU,
        PReLU,
        ELU,
        Softmax,
        Residual,
        Branches,
        SqueezeExcite,
        Fire,
        DenseBlock,
        InvertedResidual,
        LSTM,
        GRU,
        Concatenate,
        Add,
        Multiply,
        Average,
        Maximum,
    )
}


def from_json(data: Mapping[str, Any]) -> Layer:
    """The layer that `Layer.to_json` wrote.

    Raises:
        FileError: an unknown kind of layer, an unknown or missing option, or a value that the
            layer refuses.

    >>> from_json({"layer": "Dense", "units": 10, "activation": "softmax"})
    Dense(name=None, ..., units=10, activation='softmax')
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
        return LAYERS[kind](**{key: _read(value) for key, value in options.items()})
    except (StriateError, TypeError) as error:
        raise FileError("model-bad-layer", f"A layer's description is wrong: {error}") from error


def _read(value: Any) -> Any:
    """An option's value: lists are tuples, and what has a kind is a layer of a block."""
    if isinstance(value, list):
        return tuple(_read(each) for each in value)
    return from_json(value) if isinstance(value, dict) and "layer" in value else value


def _bad(what: str, name: str, known: Any) -> FileError:
    close = get_close_matches(name, list(known), n=1)
    fix = f"Did you mean {close[0]!r}?" if close else "A newer Striate may have written it."
    return FileError("model-bad-layer", f"A layer's description is wrong: {what}.", fix)

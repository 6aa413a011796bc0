"""Functions between layers, by name."""

from collections.abc import Callable

from torch import nn

from striate.errors import unknown_name


def _leaky_relu() -> nn.Module:
    return nn.LeakyReLU(0.1)  # max(0.1x, x); PyTorch's own default is 0.01


def _softmax() -> nn.Module:
    return nn.Softmax(dim=1)  # over the channels or features


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky_relu": _leaky_relu,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "hard_swish": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": _softmax,
}


def activation(name: str) -> nn.Module:
    """A fresh module for a name of `ACTIVATIONS`; none works in place.

    Raises:
        UnknownName: no such activation.
    """
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()

"""How weights begin, by the names Keras gives them."""

from collections.abc import Callable

from torch import Tensor, nn

from striate.errors import unknown_name


def _lecun_normal(weight: Tensor) -> Tensor:
    return nn.init.kaiming_normal_(weight, nonlinearity="linear")


def _he_normal(weight: Tensor) -> Tensor:
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


def _he_uniform(weight: Tensor) -> Tensor:
    return nn.init.kaiming_uniform_(weight, nonlinearity="relu")


INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "glorot_uniform": nn.init.xavier_uniform_,
    "glorot_normal": nn.init.xavier_normal_,
    "he_uniform": _he_uniform,
    "he_normal": _he_normal,
    "lecun_normal": _lecun_normal,
    "orthogonal": nn.init.orthogonal_,
    "zeros": nn.init.zeros_,
}
"""Fill a weight [out, in, …] in place. Differs from Keras: the normal ones are not truncated."""


def initialize(layer: nn.Conv2d | nn.Linear, initializer: str) -> None:
    """Start a layer's weight by the named rule and its bias at zero, as Keras does.

    Raises:
        UnknownName: no such rule.
    """
    if initializer not in INITIALIZERS:
        raise unknown_name("initializer", initializer, INITIALIZERS)
    INITIALIZERS[initializer](layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)

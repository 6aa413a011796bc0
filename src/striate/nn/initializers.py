"""How weights begin, by the names Keras gives them."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from striate.errors import unknown_name


def _he(draw: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda weight: draw(weight, nonlinearity="relu")  # variance 2 / fan_in


def _lecun(draw: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda weight: draw(weight, nonlinearity="linear")  # variance 1 / fan_in


INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "glorot_uniform": nn.init.xavier_uniform_,
    "glorot_normal": nn.init.xavier_normal_,
    "he_uniform": _he(nn.init.kaiming_uniform_),
    "he_normal": _he(nn.init.kaiming_normal_),
    "lecun_uniform": _lecun(nn.init.kaiming_uniform_),
    "lecun_normal": _lecun(nn.init.kaiming_normal_),
    "orthogonal": nn.init.orthogonal_,
    "zeros": nn.init.zeros_,
    "ones": nn.init.ones_,
}
"""Fill a weight [out, in, …] in place. Differs from Keras: the normal ones are not truncated."""


def initialize(layer: _ConvNd | nn.Linear, initializer: str) -> None:
    """Start a layer's weight by the named rule and its bias at zero, as Keras does.

    Raises:
        UnknownName: no such rule.
    """
    if initializer not in INITIALIZERS:
        raise unknown_name("initializer", initializer, INITIALIZERS)
    INITIALIZERS[initializer](layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def zero_last_gamma(branch: nn.Module) -> bool:
    """Start the scale of a branch's last normalisation at zero, so that the branch gives zeros.

    A fresh residual block then passes its shortcut through. False where nothing is normalised.

    Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 5.1.
    """
    norms = [m for m in branch.modules() if isinstance(m, _BatchNorm | nn.GroupNorm | nn.LayerNorm)]
    if not norms or norms[-1].weight is None:
        return False
    nn.init.zeros_(norms[-1].weight)
    return True

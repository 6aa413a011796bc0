"""Normalisation."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from torch import nn

from striate.errors import check_divides
from striate.layers._layer import Layer
from striate.nn import ChannelNorm, LocalResponseNorm
from striate.shapes import Shape

_BATCH_NORMS: dict[int, Callable[..., nn.Module]] = {
    1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d, 4: nn.BatchNorm3d,
}  # fmt: skip


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Give every channel mean 0 and variance 1 over the batch, then a learned mean and scale.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Shape: unchanged; (…, k) or (k,).
    Args:
        momentum: fraction 0..1 of the running mean and variance that a step keeps.
        epsilon: added to the variance, > 0.
        gamma_initializer: "zeros" at the end of a residual branch lets a fresh block pass its
            shortcut through.
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1-2.
    Differs: Keras keeps 0.99 by default, too slow for a training of a few hundred steps.
    """

    _: KW_ONLY
    momentum: float = 0.9
    epsilon: float = 1e-3
    gamma_initializer: Literal["ones", "zeros"] = "ones"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_fraction("momentum")
        self._check_above_zero("epsilon")
        if self.gamma_initializer not in ("ones", "zeros"):
            self._refuse("gamma_initializer", self.gamma_initializer, '"ones" or "zeros"')

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        norm = _BATCH_NORMS[len(shape)](shape[-1], self.epsilon, 1 - self.momentum)
        if self.gamma_initializer == "zeros":
            nn.init.zeros_(norm.weight)  # type: ignore[arg-type]
        return {"": norm}


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """Give the channels of every position mean 0 and variance 1, then a learned mean and scale.

    Shape: unchanged; (…, k) or (k,). Over all positions together: `GroupNormalization(1)`.
    Args:
        epsilon: added to the variance, > 0.
    Source: Ba et al. 2016, "Layer Normalization", arXiv:1607.06450, eq. 3-4.
    """

    _: KW_ONLY
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_above_zero("epsilon")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        return {"": ChannelNorm(shape[-1], self.epsilon)}


@dataclass(frozen=True)
class GroupNormalization(Layer):
    """Give every group of channels of an image mean 0 and variance 1, then learned ones.

    Shape: unchanged; (…, k) or (k,).
    Args:
        groups: must divide the channels; -1 makes each channel a group (instance normalisation).
        epsilon: added to the variance, > 0.
    Raises:
        ShapeError: the groups do not divide the channels.
    Source: Wu and He 2018, "Group Normalization", arXiv:1803.08494, eq. 1-7.
    """

    groups: int = 32
    _: KW_ONLY
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.groups != -1:
            self._check_whole("groups")
        self._check_above_zero("epsilon")

    def output_shape(self, shape: Shape, where: str = "") -> Shape:
        if self.groups != -1:
            check_divides(where or self.kind, groups=self.groups, channels=shape[-1])
        return shape

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        groups = shape[-1] if self.groups == -1 else self.groups
        return {"": nn.GroupNorm(groups, shape[-1], self.epsilon)}


@dataclass(frozen=True)
class LocalResponseNormalization(Layer):
    """Divide every value by what its neighbours in the channels are worth, at the same position.

        y_k = x_k / (bias + alpha * sum_j x_j^2) ^ beta,  |j - k| ≤ size // 2

    Shape: unchanged.
    Args:
        size: channels in the sum, an odd number.
    Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural
        Networks", section 3.3.
    Differs: PyTorch and Caffe divide alpha by `size`; here and in TensorFlow it is as in the paper.
    """

    size: int = 5
    _: KW_ONLY
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("size")
        if self.size % 2 == 0:
            self._refuse("size", self.size, "odd: the channel and as many on either side")
        for name in ("alpha", "beta", "bias"):
            self._check_above_zero(name)

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": LocalResponseNorm(self.size, self.alpha, self.beta, self.bias)}

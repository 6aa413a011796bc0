"""Normalisation."""

from dataclasses import KW_ONLY, dataclass

from torch import nn

from striate.layers._layer import Layer
from striate.shapes import Shape


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Give every channel mean 0 and variance 1 over the batch, then a learned mean and scale.

        y = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Shape: unchanged; (height, width, k) or (k,).
    Args:
        momentum: fraction 0..1 of the running mean and variance that a step keeps.
        epsilon: added to the variance, > 0.
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1-2.
    Differs: Keras keeps 0.99 by default, too slow for a training of a few hundred steps.
    """

    _: KW_ONLY
    momentum: float = 0.9
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_fraction("momentum")
        self._check_fraction("epsilon")
        if self.epsilon == 0:
            self._refuse("epsilon", self.epsilon, "above 0")

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return {"": norm(shape[-1], self.epsilon, 1 - self.momentum)}

"""Functions of every value as layers, with the numbers that they can be given."""

from dataclasses import dataclass

from torch import nn

from striate.layers._layer import Layer
from striate.nn import ACTIVATIONS, activation
from striate.shapes import Shape


@dataclass(frozen=True)
class Activation(Layer):
    """A function of every value, by its name in `nn.ACTIVATIONS`. Shape: unchanged."""

    activation: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_known("activation", ACTIVATIONS, "activation")

    @property
    def final_activation(self) -> str:
        return self.activation

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": activation(self.activation)}


@dataclass(frozen=True)
class ReLU(Layer):
    """max(0, x), and at most `max_value` where that is given. Shape: unchanged."""

    max_value: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_value is not None:
            self._check_above_zero("max_value")

    @property
    def final_activation(self) -> str:
        return "relu"

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.ReLU() if self.max_value is None else nn.Hardtanh(0, self.max_value)}


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """x where x ≥ 0, else negative_slope * x. Shape: unchanged.

    Source: Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".
    """

    negative_slope: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_fraction("negative_slope")

    @property
    def final_activation(self) -> str:
        return "leaky_relu"

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.LeakyReLU(self.negative_slope)}


@dataclass(frozen=True)
class PReLU(Layer):
    """x where x ≥ 0, else a_k x, with a learned slope for each channel k. Shape: unchanged.

    Args:
        initial_slope: a_k before training, a fraction 0..1; the paper's is 0.25.
    Source: He et al. 2015, "Delving Deep into Rectifiers", arXiv:1502.01852, eq. 1.
    Differs: Keras learns a slope for each position too, starting at 0.
    """

    initial_slope: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_fraction("initial_slope")

    @property
    def final_activation(self) -> str:
        return "prelu"

    def modules(self, shape: Shape) -> dict[str, nn.Module]:
        return {"": nn.PReLU(shape[-1], self.initial_slope)}


@dataclass(frozen=True)
class ELU(Layer):
    """x where x > 0, else alpha * (e^x - 1). Shape: unchanged.

    Source: Clevert et al. 2016, "Fast and Accurate Deep Network Learning by Exponential Linear
        Units", arXiv:1511.07289, eq. 15.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_above_zero("alpha")

    @property
    def final_activation(self) -> str:
        return "elu"

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": nn.ELU(self.alpha)}


@dataclass(frozen=True)
class Softmax(Layer):
    """e^x_k / sum_j e^x_j over the channels or features. Shape: unchanged."""

    @property
    def final_activation(self) -> str:
        return "softmax"

    def modules(self, shape: Shape) -> dict[str, nn.Module]:  # noqa: ARG002
        return {"": activation("softmax")}

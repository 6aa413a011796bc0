"""What layers with a kernel share: how it begins, what it costs, and what follows it."""

from dataclasses import KW_ONLY, dataclass
from typing import TypeVar

from torch import nn
from torch.nn.modules.conv import _ConvNd

from striate.layers._layer import Layer
from striate.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    Penalty,
    activation,
    initialize,
    penalize,
    penalty_of,
)

Kernel = TypeVar("Kernel", bound=_ConvNd | nn.Linear)


@dataclass(frozen=True)
class Weighted(Layer):
    """A layer with a kernel; those that end in a function have a field `activation`.

    Args:
        use_bias: add a learned number to every output.
        kernel_initializer: a name of `nn.INITIALIZERS`; biases start at zero.
        kernel_regularizer: what the kernel adds to the loss: `L1(…)`, `L2(…)`, `L1L2(…)` or a
            name such as "l2".
    """

    _: KW_ONLY
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    kernel_regularizer: Penalty | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_flag("use_bias")
        self._check_known("kernel_initializer", INITIALIZERS, "initializer")
        self._store("kernel_regularizer", penalty_of(self.kernel_regularizer))
        if getattr(self, "activation", None) is not None:
            self._check_known("activation", ACTIVATIONS, "activation")

    @property
    def final_activation(self) -> str:
        return getattr(self, "activation", None) or "linear"

    def _begun(self, module: Kernel) -> Kernel:
        """The module with its first weights, and marked with what they cost."""
        initialize(module, self.kernel_initializer)
        penalize(module, penalty_of(self.kernel_regularizer))
        return module

    def _then_activation(self, modules: dict[str, nn.Module]) -> dict[str, nn.Module]:
        """The modules and, where there is one, the activation."""
        final = self.final_activation
        return modules if final == "linear" else {**modules, final: activation(final)}

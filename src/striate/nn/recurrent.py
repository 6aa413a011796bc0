"""Recurrent networks over signals that keep their channels first."""

from torch import Tensor, nn

from striate.nn.initializers import INITIALIZERS


class Recurrent(nn.Module):
    """An LSTM or GRU that reads a signal step by step.

    Shape: [N, features, steps] -> [N, units], what the last step gives; with `sequences`
        [N, units, steps].
    Args:
        cell: of one direction, with `batch_first=True`.
        sequences: give every step and not just the last.
    """

    def __init__(self, cell: nn.LSTM | nn.GRU, sequences: bool = False) -> None:
        super().__init__()
        self.cell, self.sequences = cell, sequences

    def forward(self, x: Tensor) -> Tensor:
        steps, _ = self.cell(x.transpose(1, 2))  # [N, steps, units]
        return steps.transpose(1, 2) if self.sequences else steps[:, -1]

    def extra_repr(self) -> str:
        return f"sequences={self.sequences}"


def initialize_recurrent(cell: nn.LSTM | nn.GRU, initializer: str = "glorot_uniform") -> None:
    """Start a cell as Keras does: orthogonal from step to step, and an LSTM that remembers.

    Source: the bias of 1 on the forget gate: Jozefowicz et al. 2015, "An Empirical Exploration of
        Recurrent Network Architectures", section 2.1.
    """
    for name, weight in cell.named_parameters():
        if name.startswith("weight_ih"):
            INITIALIZERS[initializer](weight)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(weight)
        else:
            nn.init.zeros_(weight)
        if name == "bias_ih_l0" and isinstance(cell, nn.LSTM):
            _, forget, _, _ = weight.chunk(4)  # of the gates: input, forget, cell, output
            nn.init.ones_(forget)

"""The gradients of every operation that is ours, against finite differences in float64."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

import striate.nn
from striate.nn import (
    ACTIVATIONS,
    Added,
    AvgPool1dSame,
    AvgPool2dSame,
    AvgPool3dPadded,
    AvgPool3dSame,
    ChannelNorm,
    Concatenated,
    Conv1dSame,
    Conv2dSame,
    Conv3dSame,
    ConvTranspose1dSame,
    ConvTranspose2dSame,
    ConvTranspose3dSame,
    Crop,
    Dropout,
    DropPath,
    LocalResponseNorm,
    Maxout,
    MaxPool1dSame,
    MaxPool2dSame,
    MaxPool3dSame,
    Penalty,
    Recurrent,
    Residual,
    SqueezeExcite,
    activation,
    conv_norm,
    graph,
)

SIGNAL, IMAGE, VOLUME = (2, 2, 5), (2, 2, 4, 3), (1, 2, 3, 2, 3)
OURS = [
    (Conv1dSame(2, 4, 4, 2, groups=2), SIGNAL),
    (Conv2dSame(2, 2, (2, 3), (2, 1), 2), IMAGE),
    (Conv3dSame(2, 1, 2, 2), VOLUME),
    (ConvTranspose1dSame(2, 4, 4, 3, groups=2), SIGNAL),
    (ConvTranspose2dSame(2, 1, (1, 2), 2, 2), IMAGE),
    (ConvTranspose3dSame(2, 1, 3, 2), (1, 2, 2, 1, 2)),
    (MaxPool1dSame(2, 2), SIGNAL),
    (MaxPool2dSame(3, 2), IMAGE),
    (MaxPool3dSame(2, 1), VOLUME),
    (AvgPool1dSame(2, 2), SIGNAL),
    (AvgPool2dSame(3, 2), IMAGE),
    (AvgPool3dSame(2, 1), VOLUME),
    (AvgPool3dPadded((3, 2, 4), (1, 2, 1), (1, 0, 2)), VOLUME),
    (Maxout(3, 2, 3), (4, 3)),
    (ChannelNorm(3), (2, 3, 2, 2)),
    (LocalResponseNorm(3, alpha=0.5), (2, 4, 2, 2)),
    (LocalResponseNorm(3, alpha=0.5), (2, 4)),
    (SqueezeExcite(4, 2), (2, 4, 3, 2)),
    (Crop([(1, 0), (0, 1)]), IMAGE),
    (Concatenated([nn.Conv2d(2, 1, 1), nn.Identity()]), IMAGE),
    (Added(nn.Conv2d(2, 2, 1), nn.Identity()), IMAGE),
    (Residual(conv_norm(2, 4, 3, 2, act=None), 2, 4, 2).eval(), IMAGE),
    (Recurrent(nn.LSTM(2, 3, batch_first=True)), SIGNAL),
    (Recurrent(nn.GRU(2, 3, batch_first=True), sequences=True), SIGNAL),
    *((activation(name), IMAGE) for name in ACTIVATIONS),
]
MERGES = [graph.Concatenate(), graph.Add(), graph.Multiply(), graph.Average(), graph.Maximum()]
# They only call what is listed above or torch's own; their values are tested where they are.
COMPOSED = {
    "AuxiliaryClassifier",
    "AvgPool2dTo",
    "Cell",
    "CellChain",
    "Classifier",
    "GraphNetwork",
    "HeadedNetwork",
    "InvertedResidual",
    "MapsOnTheWay",
    "Segmenter",
    "SelfAttention",
    "Unpooling",
}


@pytest.mark.parametrize(("module", "shape"), OURS, ids=lambda value: type(value).__name__)
def test_gradients_are_the_finite_differences(module, shape):
    torch.manual_seed(0)
    module = module.double()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    names, weights = (
        zip(*module.named_parameters(), strict=True) if list(module.parameters()) else ((), ())
    )

    def run(x, *weights):
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x,))

    assert gradcheck(run, (x, *weights))


@pytest.mark.parametrize("merge", MERGES, ids=lambda value: type(value).__name__)
def test_gradients_of_what_takes_several_inputs(merge):
    torch.manual_seed(0)
    inputs = [torch.randn(IMAGE, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert gradcheck(merge, inputs)


def test_no_operation_of_ours_is_forgotten():
    ours = {
        name
        for name, value in vars(striate.nn).items()
        if isinstance(value, type) and issubclass(value, nn.Module)
    }
    checked = {type(module).__name__ for module, _ in OURS} | {"DropPath", "Dropout"}  # below
    assert ours - checked - COMPOSED == set()


@pytest.mark.parametrize("module", [DropPath(0.5), Dropout(0.5)], ids=["DropPath", "Dropout"])
def test_what_drops_passes_the_gradient_of_what_it_keeps(module):
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)

    def run(x):
        torch.manual_seed(1)
        return module(x)

    assert gradcheck(run, (x,))
    assert 0 < int((run(x) == 0).sum()) < 18


def test_penalties():
    weight = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    penalty = Penalty(l1=0.1, l2=0.2)
    assert penalty(weight).item() == pytest.approx(0.1 * 5.5 + 0.2 * 13.25)
    assert gradcheck(penalty, (weight,))

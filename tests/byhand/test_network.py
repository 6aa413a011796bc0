import numpy as np
import pytest
import torch
from torch import nn

from byhand.peers import agree, draw_numbers
from striate.byhand import Activate, AveragePool, Conv, Dense, Flatten, MaxPool, Network
from striate.errors import ShapeError, UnknownName


def twins():
    """The same network twice: by hand and in torch."""
    first, second, last = draw_numbers(0, (4, 1, 3, 3), (4, 2, 3, 2), (5, 4 * 2 * 3))
    bias, shift = draw_numbers(1, 4, 5)
    ours = Network(
        [
            Conv(first, bias, padding="same"),
            Activate("tanh"),
            MaxPool(2),
            Conv(second, None, padding=(1, 0), dilation=(1, 2), groups=2),
            Activate("leaky_relu"),
            AveragePool((2, 1), stride=(2, 1), padding=0),
            Flatten(),
            Dense(last, shift),
            Activate("softmax"),
        ]
    )
    theirs = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, (3, 2), padding=(1, 0), dilation=(1, 2), groups=2, bias=False),
        nn.LeakyReLU(0.1),
        nn.AvgPool2d((2, 1), (2, 1)),
        nn.Flatten(),
        nn.Linear(24, 5),
        nn.Softmax(dim=1),
    ).double()
    values = (first, bias, second, last, shift)
    for weight, value in zip(theirs.parameters(), values, strict=True):
        weight.data = torch.tensor(value)
    return ours, theirs


def test_a_network_of_every_layer_agrees_with_autograd():
    ours, theirs = twins()
    x, arrived = draw_numbers(2, (3, 1, 8, 10), (3, 5))
    tensor = torch.tensor(x, requires_grad=True)
    outputs = theirs(tensor)
    outputs.backward(torch.from_numpy(arrived))
    values = ours.remember(x)
    agree(values[-1], outputs.detach())
    agree(ours.forward(x), values[-1])
    into_x, found = ours.backward(arrived, values)
    agree(into_x, tensor.grad)
    flat = [gradient for layer in found for gradient in layer.values()]
    for gradient, weight in zip(flat, theirs.parameters(), strict=True):
        agree(gradient, weight.grad)


def test_gradients_come_by_the_name_of_the_weights():
    ours, _ = twins()
    values = ours.remember(np.ones((1, 1, 8, 10)))
    _, found = ours.backward(np.ones((1, 5)), values)
    assert [sorted(gradients) for gradients in found] == [
        ["bias", "weights"], [], [], ["weights"], [], [], [], ["bias", "weights"], [],
    ]  # fmt: skip


def test_each_image_is_answered_alone():
    ours, _ = twins()
    (x,) = draw_numbers(3, (4, 1, 8, 10))
    agree(ours.forward(x)[2:3], ours.forward(x[2:3]))


def test_a_network_of_no_layers_changes_nothing():
    network, x = Network([]), np.ones((2, 3))
    agree(network.forward(x), x)
    into_x, found = network.backward(x, network.remember(x))
    assert (into_x.tolist(), found) == (x.tolist(), [])


def test_mistakes_are_named():
    with pytest.raises(UnknownName, match=r"'rleu'.*Did you mean 'relu'"):
        Activate("rleu")
    with pytest.raises(ShapeError, match=r"\[2, 3\] and \[5, 4\]"):
        Network([Dense(np.ones((5, 4)))]).forward(np.ones((2, 3)))

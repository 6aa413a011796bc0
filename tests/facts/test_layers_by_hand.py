"""The worked examples of convolution and pooling in the networks that `layers` builds."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from striate import byhand, filters, layers

DOCS = Path(__file__).parents[2] / "docs"
PLUS = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
C1 = [[0, 2, 1, 1, 0], [0, 1, 1, 1, 0], [-3, -1, 1, 0, 1], [0, 6, 0, 0, 1], [0, 4, 1, 7, 0]]
C2_ANSWER = [
    [2, 4, 5, 3, 1],
    [-2, 3, 5, 3, 2],
    [-4, 4, 1, 3, 2],
    [3, 9, 8, 8, 2],
    [4, 11, 12, 8, 8],
]
C3 = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
C4 = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
C4_ANSWER = [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
EXAMPLES = {
    "C1": (C1, PLUS, "valid", [[3, 5, 3], [4, 1, 3], [9, 8, 8]]),
    "C2": (C1, PLUS, "same", C2_ANSWER),
    "C2 in numbers": (C1, PLUS, 1, C2_ANSWER),
    "C3": (C3, [[1, 0, 1], [0, 1, 0], [1, 0, 1]], "valid", [[4, 3, 4], [2, 4, 3], [2, 3, 4]]),
    "C4": (C4, [[0, 1, 2], [2, 2, 0], [0, 1, 2]], "valid", C4_ANSWER),
}


def built(layer: layers.Layer, kernel: object, shape: tuple[int, ...]) -> nn.Module:
    """The network of one convolution with this kernel and without a bias."""
    network = layers.build([layer], shape)
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor(kernel)[None, None])
    return network


@torch.no_grad()
def convolved(picture: object, kernel: object, padding: object) -> list[list[float]]:
    """What the network gives of one grey picture."""
    image, weights = torch.tensor(picture, dtype=torch.float32), torch.tensor(kernel)
    layer = layers.Conv2D(1, tuple(weights.shape), padding=padding, use_bias=False)
    network = built(layer, kernel, (*image.shape, 1))
    return network(image[None, None])[0, 0].tolist()


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples_in_a_network(name):
    picture, kernel, padding, answer = EXAMPLES[name]
    assert convolved(picture, kernel, padding) == answer


def test_c6_a_signal_in_a_network():
    x, y, z = 2.0, 3.0, 5.0
    a, b, c, d, e, f = signal = [7.0, 11, 13, 17, 19, 23]
    layer = layers.Conv1D(1, 3, padding="same", use_bias=False)
    network = built(layer, [x, y, z], (6, 1))  # the kernel z y x, flipped
    answer = [a * y + b * z, a * x + b * y + c * z, b * x + c * y + d * z]
    answer += [c * x + d * y + e * z, d * x + e * y + f * z, e * x + f * y]
    assert network(torch.tensor(signal)[None, None])[0, 0].tolist() == answer


def test_c7_an_even_kernel_in_a_network():
    w, x, y, z = 2.0, 3.0, 5.0, 7.0
    picture = np.arange(1.0, 13).reshape(3, 4).tolist()  # a to l
    a, b, c, d = picture[0]
    found = convolved(picture, [[w, x], [y, z]], 1)
    assert (len(found), len(found[0])) == (4, 5)
    assert found[0] == [a * z, a * y + b * z, b * y + c * z, c * y + d * z, d * y]
    same = convolved(picture, [[w, x], [y, z]], "same")  # the odd zeros stand after the picture
    assert same == [row[1:] for row in found[1:]]


def test_the_docs_say_which_is_correlation_and_which_convolution():
    """Networks correlate; `convolve` turns the kernel; both are offered, by hand and as filters."""
    kernel = [[1.0, 2], [3, 4]]
    assert convolved(C1, kernel, "valid") == byhand.correlate(C1, kernel).tolist()
    assert convolved(C1, kernel, "valid") == filters.apply(C1, kernel, padding="valid").tolist()
    assert convolved(C1, kernel, "valid") != byhand.convolve(C1, kernel).tolist()
    assert "Cross-correlate" in inspect.getdoc(layers.Conv2D)
    assert "Cross-correlation" in inspect.getdoc(byhand.correlate)
    assert "rot180" in inspect.getdoc(byhand.convolve)
    says = "Networks compute *cross-correlation*; convolution proper turns the kernel by 180° first"
    assert says in (DOCS / "by-hand.md").read_text(encoding="utf-8")
    assert "cross-correlation" in (DOCS / "filters.md").read_text(encoding="utf-8")


def shifted(images: Tensor) -> Tensor:
    """One pixel down and to the right, around the border."""
    return images.roll((1, 1), (2, 3))


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"dilation_rate": 2}, {"padding": "same"}])
@pytest.mark.parametrize("kernel", [3, 4])
def test_a_convolution_of_the_shifted_is_the_shifted_convolution(kernel, options):
    torch.manual_seed(0)
    network = layers.build([layers.Conv2D(4, kernel, **options)], (16, 15, 2))
    images = torch.randn(2, 2, 16, 15)
    inner = (..., slice(3, -3), slice(3, -3))  # more than the borders and what came around
    first, then = network(shifted(images))[inner], shifted(network(images))[inner]
    assert first.numel() > 0
    torch.testing.assert_close(first, then)


@torch.no_grad()
def test_a_2x2_max_pool_keeps_outputs_where_a_shift_changes_every_input():
    """The largest of a 2×2 window stays in sight of the shifted window in a third of cases."""
    network = layers.build([layers.MaxPooling2D(2)], (200, 200, 1))
    places = torch.randperm(200 * 201, generator=torch.Generator().manual_seed(0))
    image = places.reshape(1, 1, 200, 201).float()
    before, after = image[..., 1:], image[..., :-1]
    assert (before != after).all()
    changed = (network(before) != network(after)).float().mean().item()
    assert changed == pytest.approx(2 / 3, abs=0.02)
    blocks = before.unfold(2, 2, 2).unfold(3, 2, 2)  # [1, 1, 100, 100, 2, 2]
    assert torch.equal(network(before), blocks.amax(dim=(4, 5)))


@torch.no_grad()
def test_a_max_pool_of_three_keeps_half_of_what_a_shift_changes():
    """Goodfellow et al. 2016, "Deep Learning", figure 9.8."""
    network = layers.build([layers.MaxPooling1D(3, 1, "same")], (4, 1))
    before, after = torch.tensor([[[0.1, 1, 0.2, 0.1]]]), torch.tensor([[[0.3, 0.1, 1, 0.2]]])
    assert (before != after).all()
    assert (network(before) != network(after)).float().mean() == 0.5

"""Filters as pictures: known weights have known colours."""

import numpy as np
import pytest
import torch
from torch import nn

from striate.errors import ExplainError, UnknownName
from striate.explain.filter_pictures import filter_pictures, filter_sheet, filters_of


def test_opposing_colours_lie_on_opposite_sides_of_grey() -> None:
    first = nn.Conv2d(3, 2, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[2.0, -2.0, 0.0], [-0.1, 0.1, 0.0]]).view(2, 3, 1, 1))
    found = filter_pictures(nn.Sequential(nn.Identity(), first))
    assert found.shape == (2, 1, 1, 1, 3)
    assert found[0, 0, 0, 0].tolist() == [255, 0, 128]
    assert found[1, 0, 0, 0].tolist() == [0, 255, 128]  # each by its own strength
    shared = filter_pictures(first, same_scale=True)
    assert shared[1, 0, 0, 0].tolist() == [121, 134, 128]  # 127.5 (1 ∓ 0.05), weak looks weak


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_are_signed_slices(channels: int) -> None:
    first = nn.Conv2d(channels, 4, 3, bias=False)
    with torch.no_grad():
        first.weight.zero_()
        first.weight[0, 0, 0, 0], first.weight[0, 0, 2, 2] = 1.0, -1.0
    found = filter_pictures(first).astype(int)
    assert found.shape == (4, channels, 3, 3, 3)
    red, blue, nothing = found[0, 0, 0, 0], found[0, 0, 2, 2], found[1, 0, 1, 1]
    assert red[0] > red[2] + 20
    assert blue[2] > blue[0] + 20
    assert nothing.max() < 40


def test_a_positive_filter_has_the_signed_scale_too() -> None:
    first = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(first.weight)
    signed = nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        signed.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    np.testing.assert_array_equal(filter_pictures(first)[0], filter_pictures(signed)[0])


def test_a_deeper_layer_by_name_and_what_has_no_filters() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 6, 5)))
    assert filters_of(network).layer == "0"
    assert filters_of(network, "1").layer == "1.1"
    assert filters_of(network, "1.1").weights.shape == (6, 4, 5, 5)
    with pytest.raises(ExplainError, match="two-dimensional convolution") as error:
        filters_of(nn.Sequential(nn.Flatten(), nn.Linear(3, 3)))
    assert error.value.code == "explain-no-filters"
    with pytest.raises(UnknownName):
        filters_of(network, "2")


def test_a_transposed_convolution_shows_what_each_output_is_painted_from() -> None:
    painter = nn.ConvTranspose2d(6, 4, 3, groups=2)
    weights = filters_of(painter).weights
    assert weights.shape == (4, 3, 3, 3)
    torch.testing.assert_close(weights[3, 1], painter.weight[4, 1].detach())


def test_sheets_have_the_sizes_of_their_filters() -> None:
    colour = filter_sheet(nn.Conv2d(3, 10, 7))  # 4 columns, 3 rows of 42 pixels and 2 between
    assert colour.shape == (3 * 42 + 2 * 2, 4 * 42 + 3 * 2, 3)
    assert filter_sheet(nn.Conv2d(64, 32, 1)).shape == (32 * 10, 64 * 10, 3)  # a table
    deep = filter_sheet(nn.Conv2d(40, 5, 3), most=2)  # 2 rows of 24 channels
    assert deep.shape == (2 * 21 + 2, 24 * 21 + 23 * 2, 3)
    depthwise = filter_sheet(nn.Conv2d(9, 9, 3, groups=9))
    assert depthwise.shape[0] == depthwise.shape[1]


def test_the_first_layer_of_a_trained_network_has_edges_and_opposing_colours(shared_data) -> None:
    from striate.zoo import create, load_foreign

    network = create("squeezenet1_1")
    load_foreign(network, shared_data / "weights" / "squeezenet1_1-imagenet.safetensors")
    pictures = filter_pictures(network)[:, 0].astype(float) - 127.5  # [K, h, w, 3]
    grey = np.abs(pictures.mean(axis=3)).mean(axis=(1, 2))
    colour = np.abs(pictures - pictures.mean(axis=3, keepdims=True)).mean(axis=(1, 2, 3))
    assert (grey > 2 * colour).sum() >= 10  # filters for light and dark
    assert (colour > 2 * grey).sum() >= 10  # filters for colours against each other

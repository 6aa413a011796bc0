"""Feature maps are what the layer gives, and the sheet shows every one."""

import numpy as np
import pytest
import torch
from torch import nn

from striate.errors import ExplainError, ShapeError
from striate.explain.feature_maps import feature_map_sheet, feature_maps, strongest_channels


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(2)
    )


def test_maps_are_those_of_running_the_parts_by_hand() -> None:
    net, images = network(), torch.randn(2, 3, 8, 6)
    with torch.no_grad():
        net(images)
        net.eval()
        wanted = net[1](net[0](images))
    net.train()
    found = feature_maps(net, images, layer="1")  # what follows works in place
    torch.testing.assert_close(found, wanted)
    assert net[1].training
    assert not found.requires_grad
    with torch.inference_mode():
        torch.testing.assert_close(feature_maps(net, images.clone(), layer="1"), wanted)
    with pytest.raises(ExplainError, match="must give a map"):
        feature_maps(net, images, layer="4")


def test_the_strongest_channels_come_first() -> None:
    maps = torch.tensor([1.0, -5.0, 3.0]).view(1, 3, 1, 1).expand(2, 3, 2, 2)
    assert strongest_channels(maps, 2).tolist() == [1, 2]
    assert strongest_channels(maps, 9).tolist() == [1, 2, 0]


def test_sheet_scales_maps_one_by_one_unless_told() -> None:
    maps = torch.stack([torch.full((4, 4), 10.0), torch.full((4, 4), 1.0)])
    own, same = feature_map_sheet(maps), feature_map_sheet(maps, same_scale=True)
    assert own.shape == same.shape == (48, 98, 3)  # 4 pixels enlarged 12 times, 2 between
    np.testing.assert_array_equal(own[0, 0], own[0, -1])
    assert same[0, -1].sum() < same[0, 0].sum() / 2
    assert (own[:, 48:50] == 255).all()


def test_negative_values_have_a_colour_of_their_own() -> None:
    maps = torch.tensor([[[1.0, -1.0]]])
    shown = feature_map_sheet(maps).astype(int)
    assert shown[0, 0, 0] > shown[0, 0, 2]  # red above
    assert shown[0, -1, 2] > shown[0, -1, 0]  # blue below
    with pytest.raises(ShapeError, match=r"\[1, 1, 1, 2\]"):
        feature_map_sheet(maps[None])

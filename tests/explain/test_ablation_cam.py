"""Ablation-CAM: its definition image by image, and how little of the network it runs."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from explain.test_cam import Small, fresh
from striate.explain import ablation_cam, class_score


def by_hand(network: Small, images: Tensor, target: int, upto: int) -> Tensor:
    """Equation by equation: one pass behind the layer for every image and channel."""
    network.eval()
    found = []

    def score(maps: Tensor) -> float:
        pooled = network.features[upto:](maps.clone()).mean(dim=(2, 3))
        return network.head(pooled)[0, target].item()

    for image in images:
        maps = network.features[:upto](image[None]).detach()
        whole, heat = score(maps), torch.zeros(maps.shape[2:])
        for k in range(maps.shape[1]):
            without = maps.clone()
            without[0, k] = 0
            heat += (whole - score(without)) / whole * maps[0, k]
        heat = heat.clamp(min=0)
        found.append(F.interpolate(heat[None, None], size=image.shape[1:], mode="bilinear")[0, 0])
    return torch.stack(found)


@pytest.mark.parametrize(("layer", "upto"), [("features", 7), ("features.4", 5), ("features.1", 2)])
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_ablation_cam_is_its_definition(layer: str, upto: int, batch_size: int) -> None:
    for inplace in (False, True):
        network, images = fresh(inplace)
        for target in (0, 3):
            score = class_score(target)
            ours = ablation_cam(network, images, score, layer=layer, batch_size=batch_size)
            expected = by_hand(fresh()[0], images, target, upto)
            torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)
            assert ours.amax() > 0.01


def test_what_precedes_the_layer_runs_once_for_every_image() -> None:
    network, images = fresh()
    seen = []
    inner = network.features[0].forward
    network.features[0].forward = lambda x: seen.append(len(x)) or inner(x)
    ablation_cam(network, images, class_score(0), layer="features.4", batch_size=2)
    assert seen == [1, 1, 1]
    del network.features[0].forward


def test_a_score_of_zero_weighs_by_the_plain_loss() -> None:
    network, images = fresh()
    known = network.eval()(images)[:, 1].detach()

    def beside(logits: Tensor) -> Tensor:
        difference = logits[:, 1] - known
        return torch.where(difference.abs() < 1e-5, 0, difference)  # rounding is no score

    zero = ablation_cam(network, images, beside)
    share = ablation_cam(network, images, lambda logits: beside(logits) + 10)
    assert zero.amax() > 0.01
    torch.testing.assert_close(zero / 10, share, rtol=1e-3, atol=1e-5)

"""Score-CAM: its definition image by image, and what the quick way must not change."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.test_cam import Small, fresh
from striate.errors import UsageError
from striate.explain import ablation_cam, class_score, score_cam


def by_hand(network: Small, images: Tensor, target: int) -> Tensor:
    """One forward pass for every image and channel."""
    network.eval()
    found = []
    for image in images:
        maps = network.features(image[None]).detach()
        scores = []
        for k in range(maps.shape[1]):
            mask = F.interpolate(maps[:, k : k + 1], size=image.shape[1:], mode="bilinear")[0]
            if mask.max() == mask.min():
                scores.append(torch.tensor(-torch.inf))
                continue
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            scores.append(network((image * mask)[None])[0, target].detach())
        weights = torch.stack(scores).softmax(dim=0)
        heat = (weights[:, None, None] * maps[0]).sum(dim=0).clamp(min=0)
        found.append(F.interpolate(heat[None, None], size=image.shape[1:], mode="bilinear")[0, 0])
    return torch.stack(found)


@pytest.mark.parametrize("batch_size", [1, 4, 5, 100])
def test_score_cam_is_its_definition(batch_size: int) -> None:
    network, images = fresh()
    for target in (0, 3):
        ours = score_cam(network, images, class_score(target), batch_size=batch_size)
        expected = by_hand(network, images, target)
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
        assert ours.amax() > 0.1


def test_level_maps_are_not_asked_about() -> None:
    """Channel 2 is dead: one mask less for every image, and no share of the softmax."""
    network, images = fresh()
    with torch.no_grad():
        network.features[5].weight[2], network.features[5].bias[2] = 0, -1
    expected = by_hand(network, images, 1)
    shown = []  # a network with hooks is asked itself, not a copy of it
    network.head.register_forward_hook(lambda _m, given, _o: shown.append(len(given[0])))
    ours = score_cam(network, images, class_score(1), layer="features", batch_size=3)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    plain = 2 * len(images) + 1  # for the maps, the answer as it is, and one to try the layout
    assert sum(shown) == plain + 5 * len(images)


def test_a_network_of_level_maps_has_an_empty_map() -> None:
    network, images = fresh()
    with torch.no_grad():
        network.features[5].weight[:], network.features[5].bias[:] = 0, 1
    ours = score_cam(network, images, class_score(1))
    assert torch.equal(ours, torch.zeros(3, 16, 12))


def test_no_batch_is_larger_than_asked_for() -> None:
    network, images = fresh()
    sizes = []
    network.head.register_forward_hook(lambda _m, given, _o: sizes.append(len(given[0])))
    score_cam(network, images, class_score(0), layer="features", batch_size=4)
    assert max(sizes[1:]) <= 4  # the first is the caller's own
    assert sum(sizes[1:]) >= 3 * 5


def test_the_score_may_be_any_function_of_the_output() -> None:
    class Named(nn.Module):
        def __init__(self, inner: Small) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"logits": self.inner(images)}

    network, images = fresh()
    targets = class_score([1, 4, 0])
    ours = score_cam(
        Named(network), images, lambda out: targets(out["logits"]), layer="inner.features"
    )
    torch.testing.assert_close(ours, score_cam(network, images, targets))


def test_a_batch_of_nothing_is_refused() -> None:
    network, images = fresh()
    for method in (score_cam, ablation_cam):
        with pytest.raises(UsageError, match="at least 1, got 0") as caught:
            method(network, images, class_score(0), batch_size=0)
        assert caught.value.code == "explain-batch-size"

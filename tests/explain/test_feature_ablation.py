"""Feature ablation against a closed answer, occlusion on tiles, and captum."""

import torch

from explain.peers import captum, every_architecture
from explain.test_cam import fresh
from explain.test_occlusion import Weighted
from striate.explain import class_score, feature_ablation, occlusion


def tiles(height: int, width: int, side: int) -> torch.Tensor:
    rows, columns = torch.arange(height) // side, torch.arange(width) // side
    return rows[:, None] * 100 + columns


def test_of_a_linear_network_a_part_is_worth_the_sum_of_its_products() -> None:
    network, images = Weighted(), torch.randn(2, 2, 7, 9, dtype=torch.float64)
    parts = torch.randint(0, 6, (2, 7, 9))
    heat = feature_ablation(network, images, class_score(2), segments=parts, batch_size=3)
    product = (network.weights[2] * images).sum(dim=1).detach()
    for image in range(2):
        for part in range(6):
            here = parts[image] == part
            worth = product[image][here].sum().expand(int(here.sum()))
            torch.testing.assert_close(heat[image][here], worth)


def test_on_tiles_it_is_occlusion() -> None:
    network, images = fresh()
    score = class_score([1, 4, 0])
    for fill in ("mean", "blur"):
        parts = tiles(16, 12, 4)
        ours = feature_ablation(network, images, score, segments=parts, fill=fill)
        torch.testing.assert_close(
            ours, occlusion(network, images, score, window=4, stride=4, fill=fill)
        )


@every_architecture
def test_parity_with_captum(architecture) -> None:
    network, images = architecture()
    height, width = images.shape[2:]
    each = torch.stack([tiles(height, width, side) for side in (width // 2, width // 3, height)])
    parts = torch.stack([torch.unique(one, return_inverse=True)[1] for one in each])
    ours = feature_ablation(network, images, class_score([1, 4, 0]), segments=parts)
    theirs = (
        captum()
        .FeatureAblation(network)
        .attribute(images, target=[1, 4, 0], feature_mask=parts[:, None], perturbations_per_eval=4)
    )
    torch.testing.assert_close(ours.to(theirs.dtype), theirs[:, 0], rtol=1e-5, atol=1e-6)
    assert ours.abs().amax() > 1e-3

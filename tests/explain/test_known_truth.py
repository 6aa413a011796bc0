"""Images whose class is decided by a small patch at a known place: does each method find it?"""

import json
import warnings
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain import METHODS, class_score
from striate.explain.quality import pointing_game

SIZE, PATCH, CLASSES, IMAGES = 32, 6, 4, 40
FOUND = 0.95  # of the images
MUST_FIND = {  # Grad-CAM-like methods and occlusion
    "grad_cam",
    "grad_cam_plus_plus",
    "hirescam",
    "xgrad_cam",
    "layer_cam",
    "cam",
    "score_cam",
    "ablation_cam",
    "occlusion",
}
OPTIONS = {  # where the defaults are made for photographs
    "occlusion": {"window": PATCH, "stride": 2},
    "feature_ablation": {"segments": "grid", "count": 64},
    "lime": {"segments": "grid", "count": 64, "samples": 300},
    "kernel_shap": {"segments": "grid", "count": 64, "samples": 300},
    "rise": {"masks": 300},
    "meaningful_perturbation": {"iterations": 150},
}
SLOW = {"rise", "lime", "kernel_shap", "meaningful_perturbation"}


@dataclass(frozen=True)
class World:
    """A trained network, images that it classifies rightly, and where their patches lie."""

    network: nn.Module
    images: Tensor
    labels: Tensor
    boxes: Tensor
    accuracy: float


def drawn(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise with two patches that do not touch. The stripes of one, across, down, crossed or
    slanting, name the class; the other, a square without any, as bright or as dark, means nothing,
    and neither does the colour of the noise."""
    lots = torch.Generator().manual_seed(seed)
    images = 0.5 * torch.randn(count, 3, SIZE, SIZE, generator=lots)
    images += 0.3 * torch.randn(count, 3, 1, 1, generator=lots)
    labels = torch.randint(CLASSES, (count,), generator=lots)
    corners, decoys = apart(count, lots)
    rows, columns = torch.meshgrid(torch.arange(PATCH), torch.arange(PATCH), indexing="ij")
    across, down = 1 - rows // 2 % 2 * 2, 1 - columns // 2 % 2 * 2
    slanting = 1 - (rows + columns) // 2 % 2 * 2
    patterns = 2.0 * torch.stack([across, down, across * down, slanting])
    plain = 2.0 - 4 * torch.randint(2, (count,), generator=lots)
    for image, label, value, corner, decoy in zip(
        images, labels, plain, corners.tolist(), decoys.tolist(), strict=True
    ):
        image[:, decoy[0] : decoy[0] + PATCH, decoy[1] : decoy[1] + PATCH] = value
        image[:, corner[0] : corner[0] + PATCH, corner[1] : corner[1] + PATCH] = patterns[label]
    boxes = torch.cat([corners.flip(1), corners.flip(1) + PATCH], dim=1)
    return images, labels, boxes


def apart(count: int, lots: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two corners for each image, (row, column), with two pixels or more between the patches."""
    pairs = torch.randint(SIZE - PATCH + 1, (20 * count, 2, 2), generator=lots)
    distance = (pairs[:, 0] - pairs[:, 1]).abs().amax(dim=1)
    chosen = pairs[distance >= PATCH + 2][:count]
    return chosen[:, 0], chosen[:, 1]


def untrained() -> nn.Module:
    def block(in_channels, channels):
        convolution = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]

    torch.manual_seed(0)
    features = nn.Sequential(*block(3, 16), nn.MaxPool2d(2), *block(16, 32), *block(32, 32))
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, CLASSES))


@pytest.fixture(scope="module")
def world() -> World:
    network = untrained()
    images, labels, _ = drawn(512, seed=1)
    epochs, batch_size = 8, 32
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    lots = torch.Generator().manual_seed(2)
    network.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=lots).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(network(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    network.eval()
    images, labels, boxes = drawn(2 * IMAGES, seed=3)
    with torch.no_grad():
        right = network(images).argmax(dim=1) == labels
    accuracy = float(right.float().mean())
    kept = right.nonzero()[:IMAGES, 0]
    return World(network, images[kept], labels[kept], boxes[kept], accuracy)


def hits(world: World, method: str) -> Tensor:
    """By the pointing game with a tolerance of a pixel of the maps, which have half the size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sums that do not add up, which is not asked here
        maps = METHODS[method](
            world.network, world.images, class_score(world.labels), **OPTIONS.get(method, {})
        )
    return pointing_game(maps, world.boxes, tolerance=1)


def test_the_network_has_learned_the_patches(world):
    assert world.accuracy > 0.95
    assert len(world.images) == IMAGES


@pytest.fixture(scope="module")
def reported(world, tmp_path_factory, request):
    """The pointing game of every method that has been asked, printed and written at the end."""
    found: dict[str, float | str] = {}
    yield found
    path = tmp_path_factory.mktemp("known-truth") / "pointing_game.json"
    path.write_text(json.dumps(found, indent=2))
    lines = [f"  {name:24} {value}" for name, value in found.items()]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\nPointing game on known patches:", *lines, f"  written to {path}", sep="\n")


@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in METHODS],
)
def test_pointing_game(world, reported, method):
    try:
        share = float(hits(world, method).mean())
    except ExplainError as error:
        reported[method] = f"refused: {error}"
        share = 0.0
    else:
        reported[method] = f"{share:.3f}"
    assert share >= (FOUND if method in MUST_FIND else 0)


def test_all_that_must_find_it_were_asked():
    assert set(METHODS) >= MUST_FIND

"""KernelSHAP against Shapley values by their definition, and captum."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explain.peers import captum
from explain.test_cam import fresh
from explain.test_occlusion import Weighted
from striate.errors import UsageError
from striate.explain import class_score, kernel_shap
from striate.explain.kernel_shap import coalitions, shapley_values


@torch.no_grad()
def by_definition(network: nn.Module, image: Tensor, parts: Tensor, target: int) -> list[float]:
    """phi_i = sum over sets without i of |z|! (S − |z| − 1)! / S! · (score(z + i) − score(z))."""
    count = int(parts.max()) + 1

    def worth(seen: tuple[int, ...]) -> float:
        shown = torch.isin(parts, torch.tensor(seen, dtype=parts.dtype))
        return network((image * shown)[None])[0, target].item()

    worths = {s: worth(s) for k in range(count + 1) for s in combinations(range(count), k)}
    found = []
    for i in range(count):
        total = 0.0
        for seen, value in worths.items():
            if i not in seen:
                size = len(seen)
                weight = factorial(size) * factorial(count - size - 1) / factorial(count)
                total += weight * (worths[tuple(sorted((*seen, i)))] - value)
        found.append(total)
    return found


def test_exact_against_the_definition_in_images_of_1_to_8_parts() -> None:
    network, _ = fresh()
    network = network.double().eval()
    counts = (1, 2, 5, 8)
    images = torch.randn(4, 3, 16, 12, dtype=torch.float64)
    parts = torch.stack([torch.arange(192).view(16, 12) * c // 192 for c in counts])
    heat = kernel_shap(network, images, class_score([1, 4, 0, 2]), segments=parts, batch_size=50)
    for number, target in enumerate((1, 4, 0, 2)):
        exact = by_definition(network, images[number], parts[number], target)
        wanted = torch.tensor(exact, dtype=torch.float64)[parts[number]]
        torch.testing.assert_close(heat[number], wanted, rtol=1e-9, atol=1e-9)


def test_a_linear_network_is_its_own_explanation_even_by_samples() -> None:
    network, images = Weighted(), torch.randn(2, 2, 7, 9, dtype=torch.float64)
    parts = torch.arange(63).view(7, 9)
    heat = kernel_shap(network, images, class_score(1), segments=parts, samples=200)
    worth = (network.weights[1] * images).sum(dim=1).detach()
    torch.testing.assert_close(heat, worth, rtol=1e-7, atol=1e-7)


def sampled_and_exact(samples: int) -> tuple[Tensor, Tensor]:
    network, images = fresh()
    parts = torch.arange(192).view(16, 12) // 24  # 8
    score = class_score([1, 4, 0])
    exact = kernel_shap(network, images, score, segments=parts)
    return kernel_shap(network, images, score, segments=parts, samples=samples), exact


def test_values_add_up_to_the_fall_exact_or_not() -> None:
    network, images = fresh()
    network.eval()
    with torch.no_grad():
        fall = network(images)[[0, 1, 2], [1, 4, 0]] - network(0 * images)[[0, 1, 2], [1, 4, 0]]
    for heat in sampled_and_exact(100):
        torch.testing.assert_close(heat.sum(dim=(1, 2)) / 24, fall, rtol=1e-4, atol=1e-5)


def test_more_samples_come_nearer() -> None:
    errors = []
    for samples in (20, 80, 250):
        sampled, exact = sampled_and_exact(samples)
        errors.append(float((sampled - exact).norm() / exact.norm()))
    assert errors[0] > errors[2]
    assert errors[2] < 0.1


def test_captum_comes_to_the_same_values() -> None:
    network, images = fresh()
    network.eval()
    parts = torch.arange(192).view(16, 12) // 24
    torch.manual_seed(0)
    theirs = captum().KernelShap(network).attribute(
        images[:1], target=1, feature_mask=parts[None, None], n_samples=1500,
        perturbations_per_eval=100,
    )  # fmt: skip
    ours = kernel_shap(network, images[:1], class_score(1), segments=parts)
    assert (theirs[0, 0] - ours[0]).norm() < 0.2 * ours.norm()  # it draws, with replacement


def test_coalitions_are_all_or_drawn_in_pairs_by_the_kernel() -> None:
    rows, weights = coalitions(4, 14, seed=0)
    assert len({tuple(row) for row in rows}) == 14
    assert weights[rows.sum(axis=1) == 1] == pytest.approx([3 / (4 * 1 * 3)] * 4)
    assert weights[rows.sum(axis=1) == 2] == pytest.approx([3 / (6 * 2 * 2)] * 6)
    rows, weights = coalitions(30, 4000, seed=0)
    assert (rows[::2] + rows[1::2] == 1).all()
    assert (weights == 1).all()
    sizes = np.bincount(rows.sum(axis=1).astype(int), minlength=31) / len(rows)
    chances = np.array([0.0, *(1 / (s * (30 - s)) for s in range(1, 30)), 0.0])
    np.testing.assert_allclose(sizes, chances / chances.sum(), atol=0.02)
    assert np.array_equal(coalitions(30, 100, 1)[0], coalitions(30, 100, 1)[0])
    assert not np.array_equal(coalitions(30, 100, 1)[0], coalitions(30, 100, 2)[0])


def test_one_part_has_it_all() -> None:
    rows, weights = coalitions(1, 10, seed=0)
    assert shapley_values(rows, weights, np.zeros(0), 2.5).tolist() == [2.5]


def test_refusals_say_why() -> None:
    network, images = fresh()
    with pytest.raises(UsageError, match="at least 2, got 1") as caught:
        kernel_shap(network, images, class_score(0), segments="grid", samples=1)
    assert caught.value.code == "explain-kernel-shap"

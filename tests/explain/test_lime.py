"""LIME against closed answers."""

import numpy as np
import pytest
import torch

from explain.test_cam import fresh
from explain.test_occlusion import Weighted
from striate.errors import UsageError
from striate.explain import class_score, lime
from striate.explain.lime import drawn, linear_weights


def test_a_linear_network_is_its_own_explanation() -> None:
    """Without a penalty the weights are the parts' worth: sum of w (x − fill), for any kernel."""
    network, images = Weighted(), torch.randn(2, 2, 7, 9, dtype=torch.float64)
    parts = torch.arange(63).view(7, 9) // 9
    options = {"segments": parts, "samples": 60, "fill": 0.5}
    worth = (network.weights[1] * (images - 0.5)).sum(dim=(1, 3)).detach()  # [2, 7]
    for width in (0.1, 2.0):
        heat = lime(network, images, class_score(1), ridge=0, kernel_width=width, **options)
        torch.testing.assert_close(heat, worth[:, :, None].expand(2, 7, 9), rtol=1e-8, atol=1e-8)
    shrunk = lime(network, images, class_score(1), ridge=5, **options)
    assert shrunk.abs().sum() < 0.9 * heat.abs().sum()


def test_the_regression_is_the_normal_equations() -> None:
    generator = np.random.default_rng(0)
    present = (generator.random((40, 5)) < 0.5).astype(float)
    scores = generator.normal(size=40)
    norms = np.sqrt(present.sum(axis=1))
    cosine = np.divide(present @ np.ones(5), norms * np.sqrt(5), where=norms > 0, out=np.zeros(40))
    weights = np.exp(-((1 - cosine) ** 2) / 0.3**2)
    centred = present - weights @ present / weights.sum()
    matrix = centred.T @ (weights[:, None] * centred) + 0.7 * np.eye(5)
    deviations = scores - weights @ scores / weights.sum()
    wanted = np.linalg.solve(matrix, centred.T @ (weights * deviations))
    np.testing.assert_allclose(linear_weights(present, scores, 0.3, 0.7), wanted, rtol=1e-9)


def test_samples_are_seeded_and_begin_with_the_image() -> None:
    rows = drawn(2000, 6, seed=3)
    assert rows[0].all()
    assert rows.float().mean() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(rows, drawn(2000, 6, seed=3))
    assert not torch.equal(rows, drawn(2000, 6, seed=4))


def test_images_with_other_numbers_of_parts_are_explained_alone() -> None:
    network, images = fresh()
    parts = torch.stack([torch.arange(192).view(16, 12) // n for n in (64, 24, 96)])
    options = {"samples": 40, "seed": 1}
    both = lime(network, images, class_score([1, 4, 0]), segments=parts, batch_size=5, **options)
    alone = lime(network, images[1:2], class_score(4), segments=parts[1:2], **options)
    torch.testing.assert_close(both[1:2], alone)
    other = lime(network, images[1:2], class_score(4), segments=parts[1:2], samples=40, seed=2)
    assert not torch.allclose(other, alone)


@pytest.mark.parametrize("options", [{"samples": 1}, {"kernel_width": 0}, {"ridge": -1}])
def test_refusals_say_why(options) -> None:
    network, images = fresh()
    (name, value), = options.items()  # fmt: skip
    with pytest.raises(UsageError, match=f"{name}={value}") as caught:
        lime(network, images, class_score(0), segments="grid", **options)
    assert caught.value.code == "explain-lime"

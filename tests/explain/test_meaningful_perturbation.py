"""Meaningful perturbation: the mask closes over what the score sees, and only there."""

import pytest
import torch
from torch import Tensor, nn

from explain.test_cam import fresh
from striate.errors import ExplainError, UsageError
from striate.explain import class_score, meaningful_perturbation
from striate.explain.meaningful_perturbation import enlarged, roughness


class Patch(nn.Module):
    """Scores one square of the image by its contrast, which blurring takes away."""

    def forward(self, images: Tensor) -> Tensor:
        square = images[:, :, 20:32, 8:20]
        return (
            (square - square.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3))[:, None]
        )


def checked() -> Tensor:
    """Chequered images, [2, 3, 48, 40]."""
    board = (torch.arange(48)[:, None] // 2 + torch.arange(40) // 2) % 2
    return board.float().expand(2, 3, 48, 40) * torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)


def test_the_mask_closes_over_the_square_and_stays_open_elsewhere() -> None:
    options = {"iterations": 80, "jitter": 1}
    heat = meaningful_perturbation(Patch(), checked(), class_score(0), **options)
    assert heat.min() >= 0
    assert heat.max() <= 1
    assert heat[:, 22:30, 10:18].mean() > 0.5
    outside = heat.clone()
    outside[:, 14:38, 2:26] = 0
    assert outside.amax() < 0.05
    torch.testing.assert_close(heat[0], heat[1], atol=0.02, rtol=0)  # whatever the score's scale


def test_penalties_open_the_mask() -> None:
    options = {"iterations": 30, "jitter": 0}
    free = meaningful_perturbation(Patch(), checked(), class_score(0), sparsity=0, **options)
    dear = meaningful_perturbation(Patch(), checked(), class_score(0), sparsity=3, **options)
    assert dear.mean() < 0.5 * free.mean()
    closed = meaningful_perturbation(Patch(), checked(), class_score(0), sparsity=500, **options)
    assert closed.amax() < 0.02


def test_roughness_is_the_total_variation_to_the_third() -> None:
    mask = torch.tensor([[[[0.0, 0.5], [1.0, 0.5]]]])
    assert roughness(mask).item() == pytest.approx((0.5**3 + 1 + 0 + 0.5**3) / 4)


def test_an_open_mask_stays_open_when_enlarged() -> None:
    torch.testing.assert_close(enlarged(torch.ones(1, 1, 3, 4), 20, 30), torch.ones(1, 1, 20, 30))


def test_the_jitter_is_seeded() -> None:
    network, images = fresh()
    heats = [
        meaningful_perturbation(network, images, class_score(1), iterations=8, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(heats[0], heats[1])
    assert not torch.equal(heats[0], heats[2])


def test_batches_change_nothing() -> None:
    network, images = fresh()
    network, images = network.double(), images.double()
    whole, parts = (
        meaningful_perturbation(
            network, images, class_score([1, 4, 0]), iterations=10, batch_size=batch_size
        )
        for batch_size in (32, 1)
    )
    torch.testing.assert_close(whole, parts)


def test_a_score_without_a_gradient_is_refused() -> None:
    network, images = fresh()
    with pytest.raises(ExplainError, match="Take occlusion or RISE") as caught:
        meaningful_perturbation(network, images, lambda output: output.detach()[:, 0])
    assert caught.value.code == "explain-no-gradient"


@pytest.mark.parametrize("options", [{"iterations": 0}, {"learning_rate": 0}, {"jitter": -1}])
def test_refusals_say_why(options) -> None:
    network, images = fresh()
    (name, value), = options.items()  # fmt: skip
    with pytest.raises(UsageError, match=f"{name}={value}") as caught:
        meaningful_perturbation(network, images, class_score(0), **options)
    assert caught.value.code == "explain-meaningful-perturbation"

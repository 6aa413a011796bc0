"""Images made for a network, where the best image is known."""

import pytest
import torch
from torch import nn

from striate.errors import ExplainError, UnknownName, UsageError
from striate.explain import class_score
from striate.explain._canvas import FourierCanvas, moved, total_variation
from striate.explain.synthesis import Regularisers, channel_score, synthesise

STILL = Regularisers(jitter=0, zoom=0, turn=0)


def colours() -> nn.Module:
    """Class k is twice the mean of channel k less the means of the others."""
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        net[2].weight.copy_(3 * torch.eye(3) - 1)
    return net


def make(**options: object) -> torch.Tensor:
    asked = {"shape": (3, 12, 10), "steps": 40, "learning_rate": 0.1} | options
    return synthesise(colours(), class_score(asked.pop("target", 1)), **asked)


@pytest.mark.parametrize("rules", [Regularisers(), STILL, Regularisers(fourier=False)])
def test_the_image_for_a_colour_has_that_colour(rules: Regularisers) -> None:
    red, green, blue = make(regularisers=rules, steps=80)[0].mean(dim=(1, 2)).tolist()
    assert green > 0.65
    assert max(red, blue) < green - 0.05


def test_the_seed_fixes_the_image_and_others_differ() -> None:
    assert torch.equal(make(count=2), make(count=2))
    two = make(count=2)
    assert not torch.equal(two[0], two[1])
    assert not torch.equal(make(seed=1), make(seed=2))
    assert two.min() >= 0
    assert two.max() <= 1
    net, before = colours(), torch.random.get_rng_state()
    synthesise(net, class_score(0), shape=(3, 8, 8), steps=2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_penalties_keep_the_image_grey_and_smooth() -> None:
    free = make(regularisers=Regularisers(fourier=False))
    grey = make(regularisers=Regularisers(fourier=False, l2=50))
    assert (grey - 0.5).abs().mean() < (free - 0.5).abs().mean() / 3
    rough = nn.Conv2d(1, 1, 3, bias=False)
    with torch.no_grad():
        rough.weight.copy_(torch.tensor([[-1.0, 1, -1], [1, 0, 1], [-1, 1, -1]]).view(1, 1, 3, 3))
    asked = {"shape": (1, 16, 16), "layer": "", "steps": 40, "learning_rate": 0.1}
    plain = Regularisers(jitter=0, zoom=0, turn=0, fourier=False)
    smooth = Regularisers(jitter=0, zoom=0, turn=0, fourier=False, total_variation=2000)
    blurred = Regularisers(jitter=0, zoom=0, turn=0, fourier=False, blur=1)

    def variation(rules: Regularisers) -> float:
        made = synthesise(rough, channel_score(0, 6, 6), **asked, regularisers=rules)
        return total_variation(made[:, :, 6:9, 6:9]).item()

    assert variation(smooth) < variation(plain) / 2
    assert variation(blurred) < variation(plain) / 2


def test_a_unit_is_excited_at_its_place_and_nothing_after_the_layer_runs() -> None:
    class Refuses(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), Refuses())
    with torch.no_grad():
        net[0].weight.fill_(1.0)
    made = synthesise(
        net, channel_score(1, 4, 6), layer="0", shape=(1, 12, 12), steps=30, learning_rate=0.2,
        regularisers=Regularisers(jitter=0, zoom=0, turn=0, fourier=False),
    )[0, 0]  # fmt: skip
    assert made[4:7, 6:9].min() > 0.9
    made[4:7, 6:9] = 0.5
    assert (made - 0.5).abs().max() < 0.02
    assert not net[0]._forward_hooks


def test_a_silent_channel_is_stirred_and_a_dead_one_is_told() -> None:
    sleepy = nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.Threshold(1.0, 0.0))
    with torch.no_grad():
        sleepy[0].weight.copy_(torch.tensor([[-1.0, 2, -1]] * 3).view(1, 1, 3, 3))
    asked = {"layer": "1", "shape": (1, 16, 16), "steps": 60}
    made = synthesise(sleepy, channel_score(0), **asked)
    assert sleepy(made).mean() > 0.1
    with torch.no_grad():
        sleepy[0].weight.zero_()
    with pytest.raises(ExplainError, match="no slope in any of 60 steps") as error:
        synthesise(sleepy, channel_score(0), **asked)
    assert error.value.code == "explain-silent"


def test_mean_and_std_are_what_the_network_wants() -> None:
    seen: list[torch.Tensor] = []

    class Spy(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.detach())
            return images.mean(dim=(2, 3))

    made = synthesise(
        Spy(), class_score(0), shape=(3, 8, 8), steps=1, mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25), regularisers=STILL,
    )  # fmt: skip
    assert seen[0].abs().max() < 2  # 0..1 became -2..2
    assert seen[0].mean().abs() < 0.5
    assert made.min() >= 0


def test_training_mode_and_frozen_weights_are_left_as_found() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).train()
    mean = net[1].running_mean.clone()
    steps: list[tuple[int, int]] = []
    with torch.no_grad():
        synthesise(
            net, channel_score(2), layer="1", shape=(3, 9, 9), steps=3,
            on_step=lambda *at: steps.append(at),
        )  # fmt: skip
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert net[1].training
    assert torch.equal(net[1].running_mean, mean)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_errors_name_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="fourier=False"):
        Regularisers(blur=1)
    with pytest.raises(UnknownName):
        make(layer="nowhere")
    with pytest.raises(ExplainError, match="channels 0 to 2, got 7"):
        synthesise(colours(), channel_score(7), shape=(3, 8, 8), steps=1)


def test_moving_by_nothing_and_by_a_known_shift() -> None:
    images = torch.rand(2, 3, 9, 11)
    lots = torch.Generator().manual_seed(0)
    assert moved(images, 0, 0, 0, lots) is images
    turned = moved(images, 0, 0, 1e-9, lots)
    torch.testing.assert_close(turned, images, atol=1e-5, rtol=0)


def test_the_fourier_canvas_starts_near_grey() -> None:
    image = FourierCanvas((2, 3, 9, 12), torch.Generator().manual_seed(0)).image()
    assert image.shape == (2, 3, 9, 12)
    assert (image - 0.5).abs().max() < 0.2

"""The smallest change that flips an answer, of networks whose rule is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from striate.errors import UsageError
from striate.explain._colours import YIQ
from striate.explain.counterfactual import KINDS, counterfactual


class Rule(nn.Module):
    """Class 1 where a number that is read off the image is above a limit, else class 0."""

    def __init__(self, number, limit: float) -> None:
        super().__init__()
        self.number, self.limit = number, limit

    def forward(self, images: Tensor) -> Tensor:
        above = self.number(images) - self.limit
        return torch.stack([torch.zeros_like(above), above], dim=1)


def spot(height: int = 32, width: int = 32, top: int = 13, left: int = 18) -> Tensor:
    image = torch.zeros(1, 3, height, width)
    image[:, :, top : top + 4, left : left + 4] = 1.0
    return image


def test_the_smallest_square_covers_the_spot() -> None:
    # squares grow by 2 pixels at places a half of them apart: 4 x 4 at (12 or 14, 18) leave a row
    network = Rule(lambda x: x.mean(dim=1)[:, 13:17, 18:22].amax(dim=(1, 2)), 0.5)
    (found,) = counterfactual(network, spot(), batch_size=7)
    assert found.flips
    assert (found.before, found.after) == (1, 0)
    assert found.size == pytest.approx(6 * 6 / 32**2)
    assert found.picture is not None
    assert found.picture.shape == (32, 32, 3)
    assert np.ptp(found.picture[13:17, 18:22]) == 0
    assert found.sentence().startswith("A square of 6 × 6 pixels at row 12, column 1")
    assert found.sentence(["plain", "spot"]).endswith("(4% of the image) turns spot into plain.")


def test_a_single_pixel_that_decides_is_found_with_the_smallest_square() -> None:
    network = Rule(lambda x: x[:, 0, 14, 19], 0.5)
    (found,) = counterfactual(network, spot())
    assert found.size == pytest.approx(2 * 2 / 32**2)


def test_says_plainly_that_nothing_flips() -> None:
    for kind in KINDS:
        (found,) = counterfactual(Rule(lambda x: 1 + 0 * x.mean(dim=(1, 2, 3)), 0.5), spot(), kind)
        assert not found.flips
        assert (found.before, found.after, found.picture) == (1, None, None)
        assert found.sentence().startswith(f"No {kind} flips the answer class 1: {found.tried} ")
        assert found.tried > 9
    assert (
        "up to a square of 32 × 32 pixels at row 0"
        in counterfactual(Rule(lambda x: x.mean(dim=(1, 2, 3)) + 1, 0.5), spot())[0].sentence()
    )


def test_the_smallest_crop_loses_the_corner() -> None:
    image = torch.zeros(1, 3, 20, 40)
    image[:, :, 0, 0] = 1.0
    (found,) = counterfactual(Rule(lambda x: x.amax(dim=(1, 2, 3)), 0.2), image, "crop")
    assert found.after == 0
    assert found.change.startswith("The crop of 19 × 38 pixels at row 0, column 1")
    assert found.size == pytest.approx(1 - 19 * 38 / 800)


@pytest.mark.parametrize(
    ("kind", "network", "change", "size"),
    [
        # 0.4 times 2^(3/8) = 0.52; the mean brightness
        ("brightness", Rule(lambda x: x.mean(dim=(1, 2, 3)), 0.5), "Brightness × 1.30", 3 / 24),
        # 0.2 to 0.6: the difference of 0.4 falls to 0.4 * 2^(-9/8) = 0.18
        (
            "contrast",
            Rule(lambda x: x.amax(dim=(1, 2, 3)) - x.amin(dim=(1, 2, 3)), 0.2),
            "Contrast × 0.46",
            9 / 24,
        ),
        # red less blue is 0.4; a share of 1 - 0.1 / 0.4 takes away what is more than 0.1
        (
            "grey",
            Rule(lambda x: (x[:, 0] - x[:, 2]).amax(dim=(1, 2)), 0.1),
            "Mixing 80% of grey",
            0.8,
        ),
    ],
)
def test_the_weakest_change_of_colour(kind, network, change: str, size: float) -> None:
    image = torch.tensor([0.6, 0.4, 0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    (found,) = counterfactual(network, image, kind)
    assert found.flips
    assert found.change == change
    assert found.size == pytest.approx(size)


def test_the_hue_turns_red_into_something_else_and_keeps_the_light() -> None:
    image = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    network = Rule(lambda x: (x[:, 0] - x[:, 1]).mean(dim=(1, 2)), 0.0)
    (found,) = counterfactual(network, image, "hue")
    assert found.flips
    turn = 180 * found.size
    assert 50 <= turn <= 100  # green overtakes red at 60 degrees of a hue circle
    assert found.picture is not None
    light = np.array(YIQ[0]) @ found.picture[0, 0] / 255
    assert light == pytest.approx(np.array(YIQ[0]) @ [0.6, 0.4, 0.4], abs=0.004)


def test_normalised_images_are_changed_as_pixels() -> None:
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]
    shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in (mean, std))
    plain = Rule(lambda x: x.mean(dim=(1, 2, 3)), 0.5)
    normalised = Rule(lambda x: (x * scale + shift).mean(dim=(1, 2, 3)), 0.5)
    image = torch.tensor([0.6, 0.4, 0.2]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    (expected,) = counterfactual(plain, image, "brightness")
    (found,) = counterfactual(normalised, (image - shift) / scale, "brightness", mean=mean, std=std)
    assert found.change == expected.change
    assert found.picture is not None
    assert expected.picture is not None
    assert np.abs(found.picture.astype(int) - expected.picture).max() <= 1


def test_each_image_has_its_own_answer_and_the_network_keeps_its_mode() -> None:
    network = Rule(lambda x: x.mean(dim=1)[:, 13:17, 18:22].amax(dim=(1, 2)), 0.5).train()
    images = torch.cat([spot(), spot(top=0), spot()])
    kept = images.clone()
    with torch.inference_mode():
        first, second, third = counterfactual(network, images)
    assert (first.before, second.before, third.before) == (1, 0, 1)
    assert first.change == third.change
    assert not second.flips  # a mean colour of 0.02 is no spot
    assert network.training
    assert images.equal(kept)


def test_one_output_answers_by_its_sign_and_decide_may_be_anything() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1))
    network[2].weight.data.fill_(1.0)
    network[2].bias.data.fill_(-1.5)
    grey = torch.full((1, 3, 8, 8), 0.45)
    (found,) = counterfactual(network, grey, "brightness")
    assert (found.before, found.after) == (0, 1)
    (other,) = counterfactual(
        network, grey, "brightness", decide=lambda output: (output[:, 0] > -0.75).long()
    )
    assert (other.before, other.after) == (1, 0)


def test_refuses_unknown_kinds_and_the_hue_of_grey_images() -> None:
    with pytest.raises(UsageError, match=r"No kind 'blur'.*occlusion, crop, brightness"):
        counterfactual(Rule(lambda x: x.sum(dim=(1, 2, 3)), 0.5), spot(), "blur")
    with pytest.raises(UsageError, match="hue needs 3 channels, the images have 1"):
        counterfactual(Rule(lambda x: x.sum(dim=(1, 2, 3)), 0.5), spot()[:, :1], "hue")

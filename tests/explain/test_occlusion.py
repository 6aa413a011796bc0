"""Occlusion against closed answers, its definition in loops, and captum."""

import pytest
import torch
from torch import Tensor, nn

from explain.peers import captum, every_architecture
from explain.test_cam import fresh
from striate.errors import UsageError
from striate.explain import class_score, occlusion
from striate.explain._fill import blurred, replacement
from striate.explain.occlusion import windows


class Weighted(nn.Module):
    """Logits are linear in the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(3, 2, 7, 9, dtype=torch.float64))

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("nchw,kchw->nk", images, self.weights)


def test_of_a_linear_network_a_pixel_is_worth_its_product() -> None:
    """With windows of one pixel and a fill of v: map = sum_c w_c (x_c − v), exactly."""
    network, images = Weighted(), torch.randn(2, 2, 7, 9, dtype=torch.float64)
    for value in (0.0, 0.75):
        heat = occlusion(network, images, class_score(1), window=1, stride=1, fill=value)
        exact = (network.weights[1] * (images - value)).sum(dim=1).detach()
        torch.testing.assert_close(heat, exact, rtol=1e-10, atol=1e-10)


def by_hand(network: nn.Module, images: Tensor, score, window, stride, instead: Tensor) -> Tensor:
    """Every window, image by image, pixel by pixel."""
    network.eval()
    total, times = torch.zeros(2, *images[:, 0].shape, dtype=images.dtype)
    clean = score(network(images))
    height, width = images.shape[2:]
    top = 0
    while True:
        left = 0
        while True:
            covered = images.clone()
            rows, columns = slice(top, top + window[0]), slice(left, left + window[1])
            covered[:, :, rows, columns] = instead[:, :, rows, columns]
            total[:, rows, columns] += (clean - score(network(covered)))[:, None, None]
            times[:, rows, columns] += 1
            if left + window[1] >= width:
                break
            left += stride[1]
        if top + window[0] >= height:
            return total / times
        top += stride[0]


@torch.no_grad()
@pytest.mark.parametrize("fill", ["grey", "mean", "blur", 0.3])
@pytest.mark.parametrize(
    ("window", "stride"), [((4, 5), (3, 4)), ((3, 2), (3, 2)), ((16, 12), (1, 1))]
)
def test_occlusion_is_its_definition(fill, window, stride) -> None:
    network, images = fresh(inplace=True)
    network, images = network.double(), images.double()
    score = class_score([1, 4, 0])
    wanted = by_hand(network, images, score, window, stride, replacement(images, fill))
    for batch_size in (1, 2, 5, 64):
        heat = occlusion(
            network, images, score, window=window, stride=stride, fill=fill, batch_size=batch_size
        )
        torch.testing.assert_close(heat, wanted, rtol=1e-9, atol=1e-9)


@every_architecture
def test_parity_with_captum(architecture) -> None:
    network, images = architecture()
    height, width = images.shape[2] // 3, images.shape[3] // 4
    stride = (height // 2, width - 1)
    ours = occlusion(network, images, class_score([1, 4, 0]), window=(height, width), stride=stride)
    theirs = (
        captum()
        .Occlusion(network)
        .attribute(
            images,
            target=[1, 4, 0],
            sliding_window_shapes=(3, height, width),
            strides=(3, *stride),
            perturbations_per_eval=8,
        )
    )
    for channel in range(3):
        torch.testing.assert_close(ours.float(), theirs[:, channel], rtol=1e-5, atol=1e-6)
    assert ours.abs().amax() > 1e-3


def test_the_window_that_hides_the_cause_stands_out() -> None:
    class Patch(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([images[:, 0, 8:12, 4:8].sum(dim=(1, 2))] * 2, dim=1)

    images = torch.rand(2, 3, 20, 20) + 1
    heat = occlusion(Patch(), images, class_score(0), window=4, stride=4)
    assert heat.flatten(1).argmax(dim=1).tolist() == [8 * 20 + 4] * 2
    assert heat[:, :6].abs().amax() == 0


class Counting(nn.Module):
    """Notes how many images it is asked about at once."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.asked = inner, []

    def forward(self, images: Tensor) -> Tensor:
        self.asked.append(int(images.shape[0]))
        return self.inner(images)


@pytest.mark.parametrize(("many", "batch_size"), [(1, 8), (3, 8), (3, 2), (9, 4), (9, 1)])
def test_no_batch_is_larger_than_allowed(many, batch_size) -> None:
    network, images = Counting(fresh()[0]), torch.randn(9, 3, 16, 12)[:many]
    targets = [0, 1, 2, 3, 4, 0, 1, 2, 3][:many]
    heat = occlusion(network, images, class_score(targets), window=4, batch_size=batch_size)
    assert batch_size // 2 < max(network.asked) <= batch_size
    alone = occlusion(network, images[-1:], class_score(targets[-1]), window=4)
    torch.testing.assert_close(heat[-1:], alone)


class Detector(nn.Module):
    """Answers with a dict, and one list per image."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = fresh()[0]

    def forward(self, images: Tensor) -> dict[str, list[Tensor]]:
        return {"scores": list(self.inner(images))}


def test_answers_that_are_no_tensor_are_scored_all_at_once() -> None:
    network, images = Detector(), fresh()[1]

    def score(answers: dict[str, list[Tensor]]) -> Tensor:
        return torch.stack([scores[2] for scores in answers["scores"]])

    heat = occlusion(network, images, score, window=4, batch_size=2)
    torch.testing.assert_close(heat, occlusion(network.inner, images, class_score(2), window=4))


def test_a_network_that_cannot_be_followed_is_run_in_full() -> None:
    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = fresh()[0]

        def forward(self, images: Tensor) -> Tensor:
            return self.inner(torch.from_numpy(images.detach().numpy() * 1.0))

    network, images = Foreign(), fresh()[1]
    heat = occlusion(network, images, class_score(2), window=4)
    torch.testing.assert_close(heat, occlusion(network.inner, images, class_score(2), window=4))


def test_windows_cover_all_and_the_last_are_cut() -> None:
    found = windows(7, 5, (3, 2), 2)
    assert found[:, 0].tolist() == [0] * 3 + [2] * 3 + [4] * 3
    assert found[:3].tolist() == [[0, 0, 3, 2], [0, 2, 3, 4], [0, 4, 3, 5]]
    assert len(windows(224, 224, None, None)) == 13**2


def test_blur_keeps_the_mean_of_a_constant_and_spreads_a_point() -> None:
    flat = torch.full((1, 2, 9, 7), 3.0, dtype=torch.float64)
    torch.testing.assert_close(blurred(flat, 1.5), flat)
    point = torch.zeros(1, 1, 31, 31, dtype=torch.float64)
    point[..., 15, 15] = 1
    spread = blurred(point, 2.0)[0, 0]
    place = torch.arange(31) - 15
    assert spread.sum() == pytest.approx(1)
    assert (spread.sum(dim=0) * place**2).sum() == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"window": 17}, "explain-window", r"1 to 16 by 1 to 12 pixels, got 17 by 17"),
        ({"window": (0, 3)}, "explain-window", r"got 0 by 3"),
        ({"window": 4, "stride": 5}, "explain-stride", r"1 to 4 by 1 to 4, the window, got 5"),
        ({"fill": "black"}, "explain-fill", r"'grey', 'mean', 'blur' or a number, got 'black'"),
        ({"batch_size": 0}, "explain-batch-size", r"at least 1, got 0"),
    ],
)
def test_refusals_say_why(options, code, message) -> None:
    network, images = fresh()
    with pytest.raises(UsageError, match=message) as caught:
        occlusion(network, images, class_score(0), **options)
    assert caught.value.code == code

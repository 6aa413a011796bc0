"""Convolution, ReLU and max-pooling as one, against torch's three."""

import copy

import pytest
import torch
from torch import nn

from striate.training.kernel import compiler
from striate.training.pooled_convolution import GRAIN, Geometry, PooledConvolution, _parts

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")

CASES = {  # channels, outputs, kernel, step, padding, window, stride, height, width
    "LeNet's first": (1, 6, 5, 1, 0, 2, 2, 28, 28),
    "LeNet's second": (6, 16, 5, 1, 0, 2, 2, 12, 12),
    "whole vectors": (16, 32, 3, 1, 0, 2, 2, 13, 10),
    "padded": (3, 8, 3, 1, 1, 2, 2, 9, 8),
    "padded, many outputs": (32, 20, 3, 1, 1, 2, 2, 8, 6),
    "windows that overlap, steps": (3, 24, 5, 2, 2, 3, 2, 23, 20),
    "windows with gaps": (4, 5, 3, 1, 1, 2, 3, 11, 12),
    "one vector and a bit": (5, 17, 7, 3, 3, 3, 3, 40, 31),
    "more than the registers": (128, 4, 3, 1, 1, 2, 2, 6, 6),
    "one window": (9, 3, 2, 1, 0, 3, 3, 4, 4),
}


def modules(case):
    channels, outputs, kernel, step, padding, window, stride, *_ = case
    conv = nn.Conv2d(channels, outputs, kernel, step, padding)
    return conv, nn.ReLU(), nn.MaxPool2d(window, stride)


def as_one(conv, relu, pool, flat=False) -> PooledConvolution:
    geometry = Geometry.of(conv, pool)
    assert geometry is not None
    return PooledConvolution(conv, relu, pool, geometry, flat=flat)


def answers(call, conv, x, slope):
    """What it gives, and the gradients by input, weights and bias."""
    x = x.clone().requires_grad_()
    found = call(x)
    wanted = [x, conv.weight, *([] if conv.bias is None else [conv.bias])]
    return [found, *torch.autograd.grad(found, wanted, slope.to(found))]


def close(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5 * other.abs().max().item())


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_it_is_what_the_three_modules_are(name, flat):
    torch.manual_seed(1)
    case = CASES[name]
    conv, relu, pool = modules(case)
    x = torch.randn(5, case[0], *case[-2:])
    plain = nn.Sequential(conv, relu, pool)
    slope = torch.randn_like(plain(x))
    one = as_one(conv, relu, pool, flat)
    close(answers(one, conv, x, slope), answers(plain, conv, x, slope))
    wide = x.contiguous(memory_format=torch.channels_last)
    assert one(wide).is_contiguous() == flat or one(wide).shape[2:] == (1, 1)
    close(answers(one, conv, wide, slope), answers(plain, conv, x, slope))


@pytest.mark.parametrize("name", ["LeNet's second", "whole vectors"])
def test_gradients_are_slopes(name):
    """Numerical derivatives in float64 of the three modules, whose copies ours are held to."""
    torch.manual_seed(2)
    case = CASES[name]
    conv, relu, pool = modules(case)
    exact = nn.Sequential(copy.deepcopy(conv), relu, pool).double()
    x = torch.randn(2, case[0], *case[-2:])
    slope = torch.randn_like(exact(x.double()))
    close(
        answers(as_one(conv, relu, pool), conv, x, slope.float()),
        [found.float() for found in answers(exact, exact[0], x.double(), slope)],
    )


def test_without_a_bias():
    conv, relu, pool = nn.Conv2d(4, 6, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2)
    x = torch.randn(2, 4, 9, 9)
    slope = torch.randn(2, 6, 3, 3)
    plain = nn.Sequential(conv, relu, pool)
    one = as_one(conv, relu, pool)
    close(answers(one, conv, x, slope), answers(plain, conv, x, slope))


def test_of_equal_values_the_first_gets_the_gradient():
    conv, relu, pool = modules(CASES["whole vectors"])
    x = torch.ones(2, 16, 13, 10)
    slope = torch.randn(2, 32, 5, 4)
    plain = nn.Sequential(conv, relu, pool)
    one = as_one(conv, relu, pool)
    close(answers(one, conv, x, slope), answers(plain, conv, x, slope))


@pytest.mark.parametrize("name", ["LeNet's second", "whole vectors"])
def test_what_is_no_number_stays_none(name):
    conv, relu, pool = modules(CASES[name])
    x = torch.zeros(2, conv.in_channels, 12, 12)
    x[1, 0, 6, 6] = torch.nan
    found = as_one(conv, relu, pool)(x)
    assert torch.isfinite(found[0]).all()
    assert torch.equal(found.isnan(), pool(relu(conv(x))).isnan())
    assert found[1].isnan().any()


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("name", ["whole vectors", "LeNet's second"])
def test_threads_share_a_batch_and_equal_bits_come_again(name, threads):
    torch.manual_seed(3)
    case = CASES[name]
    conv, relu, pool = modules(case)
    x = torch.randn(64, case[0], *case[-2:])
    plain = nn.Sequential(conv, relu, pool)
    slope = torch.randn_like(plain(x))
    found = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if name == "whole vectors":
            assert _parts(slope.numel() * 3 * 48, len(x)) == threads
        first = answers(as_one(conv, relu, pool), conv, x, slope)
        again = answers(as_one(conv, relu, pool), conv, x, slope)
    finally:
        torch.set_num_threads(found)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    close(first, answers(plain, conv, x, slope))


def test_little_work_is_not_shared():
    assert _parts(GRAIN - 1, 64) == 1


@pytest.mark.parametrize(
    ("conv", "pool"),
    [
        (nn.Conv2d(8, 8, 3, groups=2), nn.MaxPool2d(2)),
        (nn.Conv2d(8, 8, 3, dilation=2), nn.MaxPool2d(2)),
        (nn.Conv2d(8, 8, (3, 5)), nn.MaxPool2d(2)),
        (nn.Conv2d(8, 8, 3, stride=(1, 2)), nn.MaxPool2d(2)),
        (nn.Conv2d(8, 8, 3, padding="same"), nn.MaxPool2d(2)),
        (nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), nn.MaxPool2d(2)),
        (nn.Conv2d(8, 8, 3), nn.MaxPool2d(2, padding=1)),
        (nn.Conv2d(8, 8, 3), nn.MaxPool2d(2, ceil_mode=True)),
        (nn.Conv2d(8, 8, 3), nn.MaxPool2d(2, return_indices=True)),
        (nn.Conv2d(8, 8, 3), nn.MaxPool2d(2, dilation=2)),
        (nn.Conv2d(8, 8, 3), nn.MaxPool2d((2, 3))),
        (nn.Conv2d(8, 8, 3), nn.MaxPool2d(16)),
        (nn.Conv2d(8, 8, 3), nn.AvgPool2d(2)),
        (nn.Conv2d(1, 8, 3), nn.MaxPool2d(2)),  # torch is as fast there
        (nn.Conv2d(1024, 8, 3), nn.MaxPool2d(2)),
        (nn.ConvTranspose2d(8, 8, 3), nn.MaxPool2d(2)),
    ],
)
def test_what_is_not_for_it_is_left_to_torch(conv, pool):
    assert Geometry.of(conv, pool) is None


def test_without_gradients_in_other_types_and_for_wrong_images_torch_is_asked():
    conv, relu, pool = modules(CASES["whole vectors"])
    one, plain = as_one(conv, relu, pool), nn.Sequential(conv, relu, pool)
    x = torch.randn(2, 16, 13, 10)
    with torch.no_grad():
        assert torch.equal(one(x), plain(x))
    assert torch.equal(one(x[0]), plain(x[0]))  # [C, H, W]
    with torch.autocast("cpu", torch.bfloat16):
        assert one(x).dtype == torch.bfloat16
    for wrong in (torch.randn(2, 3, 13, 10), torch.randn(2, 16, 3, 3)):
        with pytest.raises(RuntimeError) as ours:
            one(wrong)
        with pytest.raises(RuntimeError) as theirs:
            plain(wrong)
        assert str(ours.value) == str(theirs.value)
    conv.double()
    assert one(x.double()).dtype == torch.float64

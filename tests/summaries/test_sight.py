"""Receptive fields where maps are turned, cut, gated, enlarged and joined."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.summaries import summary


class Do(nn.Module):
    """Convolutions before and after some functional code."""

    def __init__(self, code, before=3, after=3, channels=4):
        super().__init__()
        self.before = nn.Conv2d(2, channels, before, padding=before // 2)
        self.code = code
        self.after = nn.Conv2d(channels, 2, after, padding=after // 2)

    def forward(self, x):
        return self.after(self.code(self.before(x)))


def shuffled(x):
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


def dense_over_channels(x):
    weight = torch.ones(x.shape[1], x.shape[1], device=x.device)
    return F.linear(x.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)


def halves(x):
    left, right = x.chunk(2, dim=1)
    return torch.cat([right, left], dim=1)


@pytest.mark.parametrize(
    ("code", "field"),
    [
        (shuffled, (5, 1, -2)),
        (dense_over_channels, (5, 1, -2)),
        (halves, (5, 1, -2)),
        (lambda x: x.transpose(2, 3), (5, 1, -2)),
        (lambda x: x[:, :, 1::2, 1::2], (7, 2, -2)),
        (lambda x: F.interpolate(x, scale_factor=2), (4, 0.5, -2)),
        (lambda x: x + F.avg_pool2d(x, 5, 1, 2), (9, 1, -4)),
        (lambda x: F.softmax(x, dim=1), (5, 1, -2)),
        (lambda x: x.view(1, 4, 6, 2, 12).view(1, 4, 12, 12), (5, 1, -2)),
    ],
    ids=["shuffle", "nhwc", "chunk", "transpose", "slice", "enlarge", "sum", "softmax", "view"],
)
def test_what_functional_code_does_to_the_field(code, field):
    rows = summary(Do(code), (12, 12, 2))["after"].sight[0]
    assert (rows.size, rows.jump, rows.start) == field


def windows(x):
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w).transpose(2, 3).reshape(n, c, h, w)


@pytest.mark.parametrize("code", [lambda x: x.flip(2), windows], ids=["flip", "windows"])
def test_where_pixels_are_moved_the_field_is_left_open(code):
    assert summary(Do(code), (12, 12, 2))["after"].sight is None


def test_a_gate_that_sees_everything_makes_everything_seen():
    network = Do(lambda x: x * x.mean((2, 3), keepdim=True).sigmoid())
    rows, columns = summary(network, (20, 12, 2))["after"].sight
    assert (rows.jump, columns.jump) == (0, 0)
    assert rows.start <= 0
    assert rows.start + rows.size >= 20
    assert columns.start + columns.size >= 12


def test_tokens_see_the_whole_image_after_attention():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 4, 4)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return self.attention(tokens, tokens, tokens, need_weights=False)[0]

    table = summary(Tokens(), (16, 16, 3))
    assert table["patches"].receptive_field == (4, 4)
    assert table["attention"].receptive_field == (16, 16)
    assert table["attention"].output_shape == (16, 8)


def test_signals_and_volumes_have_fields_too():
    signal = nn.Sequential(nn.Conv1d(2, 4, 5), nn.MaxPool1d(2), nn.Conv1d(4, 4, 3))
    rows = summary(signal, (32, 2)).rows
    assert [row.receptive_field for row in rows] == [(5,), (6,), (10,)]
    assert rows[-1].output_shape == (12, 4)
    volume = nn.Sequential(nn.Conv3d(1, 2, 3), nn.MaxPool3d(2), nn.Conv3d(2, 2, (1, 3, 3)))
    assert summary(volume, (12, 12, 12, 1)).rows[-1].receptive_field == (4, 8, 8)


def test_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(1, 4, 7, padding=3)

        def forward(self, image, mask):
            return self.left(image) + self.right(mask)

    table = summary(Two(), [(16, 16, 3), (16, 16, 1)])
    assert table.input_shapes == ((16, 16, 3), (16, 16, 1))
    assert [row.receptive_field for row in table.rows] == [(3, 3), (7, 7)]
    assert "input 16×16×3 and 16×16×1" in table.text


def test_what_is_fractional_is_measured_too():
    """Transposed convolution: the middle of the map depends on as many rows as are said."""
    network = nn.Sequential(
        nn.Conv2d(1, 1, 3, 2, 1), nn.ConvTranspose2d(1, 1, 4, 2, 1), nn.Conv2d(1, 1, 5)
    )
    for layer in network:
        nn.init.constant_(layer.weight, 1.0)
    image = torch.ones(1, 1, 32, 8, requires_grad=True)
    out = network(image)
    extents = []
    for middle in range(10, 16):
        (gradient,) = torch.autograd.grad(out[0, 0, middle].sum(), image, retain_graph=True)
        seen = gradient[0, 0].abs().sum(dim=1).nonzero().flatten()
        extents.append(int(seen.max() - seen.min()) + 1)
    assert max(extents) == summary(network, (32, 8, 1)).rows[-1].receptive_field[0]

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
    weight = torch.ones(6, x.shape[1], device=x.device)
    return F.linear(x.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)[:, :4]


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
        (lambda x: F.max_pool2d(x, 2), (8, 2, -3)),
        (lambda x: F.interpolate(x, scale_factor=2), (4, 0.5, -2)),
        (lambda x: x + F.avg_pool2d(x, 5, 1, 2), (9, 1, -4)),
        (lambda x: F.softmax(x, dim=1), (5, 1, -2)),
        (lambda x: F.softmax(x, dim=2), (12 + 2, 0, -1)),
        (lambda x: x.view(1, 4, 6, 2, 12).view(1, 4, 12, 12), (5, 1, -2)),
    ],
    ids=[
        "shuffle",
        "nhwc",
        "chunk",
        "transpose",
        "slice",
        "pool",
        "enlarge",
        "sum",
        "softmax",
        "softmax over rows",
        "view",
    ],
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
    assert (rows.size, rows.jump, rows.start) == (20 + 2, 0, -1)
    assert (columns.size, columns.jump, columns.start) == (12 + 2, 0, -1)


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


MOVES = {
    "stride": [nn.Conv2d(1, 1, (3, 1), (2, 1), (1, 0)), nn.Conv2d(1, 1, (4, 1))],
    "dilation": [nn.Conv2d(1, 1, (3, 1), dilation=(3, 1)), nn.AvgPool2d((2, 1))],
    "pool": [nn.AvgPool2d((3, 1), (2, 1), (1, 0)), nn.AvgPool2d((2, 1))],
    "adaptive": [nn.Conv2d(1, 1, (3, 1), padding=(1, 0)), nn.AdaptiveAvgPool2d((6, 4))],
    "border": [nn.ZeroPad2d((0, 0, 3, 1)), nn.Conv2d(1, 1, (3, 1), (2, 1))],
    "transposed": [nn.ConvTranspose2d(1, 1, (4, 1), (2, 1), (2, 0))],
    "transposed, odd": [nn.ConvTranspose2d(1, 1, (5, 1), (3, 1), (1, 0))],
    "transposed, dilated": [nn.ConvTranspose2d(1, 1, (3, 1), (2, 1), dilation=(2, 1))],
    "enlarged": [nn.Conv2d(1, 1, (2, 1), (2, 1)), nn.Upsample(scale_factor=(2, 1))],
    "bilinear": [nn.Upsample(scale_factor=(2, 1), mode="bilinear"), nn.Conv2d(1, 1, (3, 1))],
}


def seen_by_each(network, height):
    """First and last row that each row of the output depends on, by the gradient."""
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.ones_(layer.weight)
    image = torch.ones(1, 1, height, 4, dtype=torch.float64, requires_grad=True)
    found = []
    for row in network.double()(image)[0, 0]:
        (gradient,) = torch.autograd.grad(row.sum(), image, retain_graph=True)
        rows = gradient[0, 0].abs().sum(dim=1).nonzero().flatten()
        found.append((int(rows.min()), int(rows.max())) if len(rows) else None)
    return found


@pytest.mark.parametrize("layers", MOVES.values(), ids=list(MOVES))
def test_each_output_sees_what_the_gradient_says(layers):
    """Output n sees from start + n * jump on: exactly, but for enlarged maps, where outputs share
    what they see and only the mean step between them is told."""
    height = 24
    network = nn.Sequential(*layers)
    slack = 0.0
    if any(isinstance(layer, nn.ConvTranspose2d | nn.Upsample) for layer in layers):
        slack = 0.99 if isinstance(layers[0], nn.ConvTranspose2d) else 1.0
    field = summary(network, (height, 4, 1)).rows[-1].sight[0]
    inner = widest = 0
    for number, rows in enumerate(seen_by_each(network, height)):
        begins = field.start + number * field.jump
        ends = begins + field.size - 1
        if begins < 0 or ends > height - 1 or rows is None:
            continue  # partly in the border
        inner += 1
        assert abs(rows[0] - begins) <= slack
        assert rows[1] - ends <= min(slack, 0.99)
        assert rows[1] - rows[0] + 1 <= field.size
        widest = max(widest, rows[1] - rows[0] + 1)
    assert inner >= 3
    assert widest == field.size  # no larger than it must be

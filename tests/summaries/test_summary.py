"""The summary of descriptions, of our networks and of anybody's."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate import layers, zoo
from striate.errors import ShapeError
from striate.summaries import summary


def test_rows_say_shape_weights_work_and_field():
    table = summary(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, padding="same"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    assert [
        (row.name, row.output_shape, row.weights, row.multiply_adds, row.receptive_field)
        for row in table.rows
    ] == [
        ("conv2d_1", (24, 24, 6), 156, 24 * 24 * 6 * 25, (5, 5)),
        ("conv2d_1_relu", (24, 24, 6), 0, 0, (5, 5)),
        ("max_pooling2d_1", (12, 12, 6), 0, 0, (6, 6)),
        ("conv2d_2", (12, 12, 16), 2416, 12 * 12 * 16 * 150, (14, 14)),
        ("flatten_1", (2304,), 0, 0, (36, 36)),
        ("dense_1", (10,), 23050, 23040, (36, 36)),
    ]
    assert table.weights == 156 + 2416 + 23050
    assert table.multiply_adds == sum(row.multiply_adds for row in table.rows)
    assert table.output_shape == (10,)
    assert table.warnings == ()


def test_the_table_as_text_has_a_column_for_each_number():
    table = summary([layers.Conv2D(6, 5, 2), layers.MaxPooling2D((2, 3))], (32, 32, 3))
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in table.lines
        if line.startswith("│")
    ]
    assert cells == [
        ["conv2d_1", "Conv2d", "14×14×6", "456", "88,200", "4.7 kB", "5×5", "2"],
        ["max_pooling2d_1", "MaxPool2d", "7×4×6", "", "", "672 B", "7×9", "4×6"],
        ["total", "", "", "456", "88,200", "17.0 kB", "", ""],
    ]
    assert table.peak_bytes == 4 * (32 * 32 * 3 + 14 * 14 * 6)


def test_json_says_where_the_fields_lie_and_what_memory_is_needed():
    plain = summary([layers.Conv2D(2, 3, 2, 1)], (9, 7, 1)).to_json()
    assert plain["rows"][0]["sight"] == [
        {"size": 3, "jump": 2, "start": -1, "centre": 0.0},
        {"size": 3, "jump": 2, "start": -1, "centre": 0.0},
    ]
    assert plain["peak_bytes"] == 4 * (9 * 7 + 5 * 4 * 2)
    assert plain["saved_bytes"] == 4 * 9 * 7  # the image, for the gradient of the kernels
    assert plain["input_shapes"] == [[9, 7, 1]]


def test_modules_that_do_nothing_are_left_out():
    rows = summary(nn.Sequential(nn.Identity(), nn.Conv2d(1, 2, 3), nn.Identity()), (8, 8, 1)).rows
    assert [row.name for row in rows] == ["1"]


def test_text_and_json_hold_it_all():
    table = summary([layers.Dense(1000, "relu"), layers.Dense(2)], (784,))
    assert "784 features" in table.text
    assert any("dense_1 " in line and "785,000" in line for line in table.lines)
    assert any(line.startswith("│ total") and "787,002" in line for line in table.lines)
    assert json.loads(json.dumps(table.to_json()))["multiply_adds"] == 786_000
    assert table["dense_2"].weights == 2002


class Foreign(nn.Module):
    """Functional code, a skip connection and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 5, padding=2)
        self.kernel = nn.Parameter(torch.zeros(4, 8, 3, 3))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = x + self.second(x)
        x = F.conv2d(self.dropout(x), self.kernel, stride=2, padding=1)
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def test_functional_code_and_skip_connections_are_followed():
    table = summary(Foreign(), (16, 12, 3))
    own = table["(itself)"]
    assert own.weights == 4 * 8 * 9
    assert own.multiply_adds == 8 * 6 * 4 * 8 * 9
    assert own.output_shape == (4,)
    assert table["second"].receptive_field == (7, 7)
    assert own.receptive_field == (9 + 7 * 2, 9 + 5 * 2)
    assert table.weights == sum(weight.numel() for weight in Foreign().parameters())


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    network[2].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    summary(network, (8, 8, 1))
    assert [module.training for module in network.modules()] == [True, True, True, False]
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in network.modules())
    assert all(p.device.type == "cpu" and p.grad is None for p in network.parameters())


def test_shared_modules_are_listed_at_each_call_and_weighed_once():
    shared = nn.Conv2d(2, 2, 3, padding=1)
    table = summary(nn.Sequential(shared, nn.ReLU(), shared), (8, 8, 2))
    assert [row.weights for row in table.rows] == [38, 0, 0]
    assert table.weights == 38
    assert table.multiply_adds == 2 * 64 * 2 * 18
    assert table.rows[2].receptive_field == (5, 5)


def test_a_network_that_meta_tensors_cannot_run_is_run_on_zeros():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            return self.conv(x) * (1 if float(x.sum()) >= 0 else 2)

    table = summary(Reads(), (8, 8, 1))
    assert table["conv"].output_shape == (6, 6, 2)
    assert table["conv"].receptive_field == (3, 3)


class Rolled(nn.Module):
    def forward(self, x):
        return x.roll(1, dims=2)


@pytest.mark.parametrize(
    ("layer", "size", "field"),
    [
        (nn.Conv2d(2, 2, 3, dilation=2), 5, (5, 5)),
        (nn.Conv2d(2, 2, (1, 3)), 9, (1, 3)),
        (nn.AvgPool2d(3, 2), 9, (3, 3)),
        (nn.MaxPool2d(3, 2, ceil_mode=True), 9, (3, 3)),
        (nn.AdaptiveAvgPool2d(1), 9, (9, 9)),
        (nn.AdaptiveAvgPool2d(3), 9, (3, 3)),
        (nn.AdaptiveMaxPool2d(1), 9, (9, 9)),
        (nn.ZeroPad2d((2, 1, 0, 0)), 9, (1, 1)),
        (nn.GroupNorm(1, 2), 9, (1, 1)),
        (nn.Softmax(dim=1), 9, (1, 1)),
        (nn.AdaptiveAvgPool2d(4), 9, (3, 3)),
        (nn.AdaptiveAvgPool2d(3), 5, (3, 3)),  # windows of 2, 3 and 2
        (nn.ConvTranspose2d(2, 2, 3), 9, (3, 3)),
        (nn.ConvTranspose2d(2, 2, 4, stride=2), 9, (2, 2)),
        (nn.Upsample(scale_factor=2), 9, (1, 1)),
        (nn.Upsample(scale_factor=2, mode="bilinear"), 9, (2, 2)),
        (nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 2)), 9, (2, 2)),  # of 1.5
        (nn.ReflectionPad2d(2), 9, (1, 1)),
        (nn.Linear(9, 4), 9, (1, 9)),
        (Rolled(), 9, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_receptive_field_of_one_layer_or_none_where_unknown(layer, size, field):
    assert summary(nn.Sequential(layer), (size, size, 2)).rows[-1].receptive_field == field


def test_counting_the_pixels_of_a_window_reads_none_of_them():
    """Averages padded as "same" divide by the share of each window that is inside."""
    (row,) = summary([layers.AveragePooling2D(3, 2, "same")], (9, 9, 2)).rows
    assert [(axis.size, axis.jump, axis.start) for axis in row.sight] == [(3, 2, -1)] * 2


def test_an_unknown_field_stays_unknown():
    network = nn.Sequential(Rolled(), nn.Conv2d(1, 1, 3))
    assert summary(network, (8, 8, 1)).rows[1].receptive_field is None


def test_a_vector_sees_all_and_its_neighbour_would_lie_a_whole_map_further():
    rows, columns = summary([layers.Conv2D(2, 3, 2), layers.Flatten()], (9, 11, 1)).rows[-1].sight
    assert (rows.size, rows.jump, rows.start) == (9, 4 * 2, 0)
    assert (columns.size, columns.jump, columns.start) == (11, 5 * 2, 0)


def test_paths_are_joined_by_concatenation():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.five = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 4, 5, padding=2)
            self.join = nn.Identity()
            self.last = nn.Conv2d(7, 1, 3)

        def forward(self, x):
            return self.last(torch.cat([self.one(x), self.five(x)], dim=1))

    assert summary(Branches(), (9, 9, 2))["last"].receptive_field == (7, 7)


def test_resnet18_has_the_published_numbers():
    table = summary(zoo.create("resnet18", classes=1000), (224, 224, 3))
    assert table.weights == 11_689_512
    assert table.multiply_adds == pytest.approx(1.814e9, rel=1e-3)  # torchvision: 1.814 GFLOPS
    assert table["features.stage4.1.branch.1.conv"].receptive_field == (435, 435)  # Araujo 2019
    assert table["features.stage4.1.branch.1.conv"].output_shape == (7, 7, 512)
    assert table.warnings == ()  # the strided 1x1 shortcuts skip pixels that their branch reads


def test_pixels_that_nothing_reads_are_named():
    table = summary([layers.Conv2D(4, 3, strides=2), layers.MaxPooling2D((3, 2))], (12, 11, 1))
    texts = [str(advice) for advice in table.warnings]
    assert texts == [
        "conv2d_1: 1 row and 0 columns of its input of 12×11 pixels are never read. Use "
        'padding="same", or a size, kernel and stride that divide evenly.',
        "max_pooling2d_1: 2 rows and 1 column of its input of 5×5 pixels are never read. Use "
        'padding="same", or a size, kernel and stride that divide evenly.',
    ]
    assert {advice.code for advice in table.warnings} == {"summary-pixels-never-read"}
    assert texts[0] in table.text.replace("\n", " ")


def test_a_bias_before_batch_normalization_is_named():
    stack = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Conv2D(4, 3, use_bias=False)]
    (advice,) = summary([*stack, layers.BatchNormalization()], (8, 8, 1)).warnings
    assert (advice.code, advice.layer) == ("summary-bias-before-norm", "conv2d_1")
    assert "its 4 biases" in advice.what
    assert "use_bias=False" in advice.fix
    assert not summary([layers.Conv2D(4, 3, activation="relu"), *stack[1:]], (8, 8, 1)).warnings


def test_a_refused_shape_names_the_module():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(10, 2))
    with pytest.raises(ShapeError, match=r"input of 8×8×3: its module '2' \(Linear\)") as caught:
        summary(network, (8, 8, 3))
    assert caught.value.code == "shape-module-misfit"


def test_the_shape_is_needed():
    with pytest.raises(ShapeError, match="not known"):
        summary([layers.Dense(3)])
    with pytest.raises(ShapeError, match="got None"):
        summary(nn.Linear(3, 3))


def test_the_field_begins_in_the_padding():
    stack = [layers.Conv2D(2, 3, padding=1, strides=2), layers.Conv2D(2, 4, padding="same")]
    rows, columns = summary(stack, (9, 9, 1)).rows[1].sight
    assert rows == columns
    assert (rows.size, rows.jump, rows.start, rows.centre) == (9, 2, -3, 1.0)

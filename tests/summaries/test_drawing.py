"""The drawing: what is in it, what is folded, and that nothing overlaps or leaves the page."""

import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest
import torch
from torch import nn

from striate import draw, layers, zoo
from striate.summaries import summary
from striate.summaries.drawing import HEAD
from striate.summaries.graph import graph_of
from striate.summaries.layout import WIDTH, lay_out

SVG = "{http://www.w3.org/2000/svg}"


class Inception(nn.Module):
    """Four branches side by side, as in GoogLeNet."""

    def __init__(self, channels):
        super().__init__()
        self.one = nn.Conv2d(channels, 8, 1)
        self.three = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.Conv2d(4, 8, 3, padding=1))
        self.five = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.Conv2d(4, 8, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(channels, 8, 1))

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


class Dense(nn.Module):
    """Every layer reads all before it, as in DenseNet."""

    def __init__(self, channels, times):
        super().__init__()
        self.layers = nn.ModuleList(DenseLayer(channels + 4 * i) for i in range(times))

    def forward(self, x):
        maps = [x]
        for layer in self.layers:
            maps.append(layer(maps))
        return torch.cat(maps, dim=1)


class DenseLayer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.narrow = nn.BatchNorm2d(channels), nn.Conv2d(channels, 8, 1)
        self.wide = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, maps):
        return self.wide(self.narrow(self.norm(torch.cat(maps, dim=1)).relu()))


def googlenet_like():
    return nn.Sequential(nn.Conv2d(3, 16, 7, 2), *(Inception(c) for c in [16, *[32] * 5]))


def densenet_like():
    return nn.Sequential(nn.Conv2d(3, 8, 3), Dense(8, 20), nn.Conv2d(88, 8, 1), Dense(8, 6))


def zoo_network(name):
    with torch.device("meta"):
        return zoo.create(name, classes=10)


def graph(network, shape=(64, 64, 3)):
    return graph_of(summary(network, shape).trace)


def test_layers_that_only_follow_belong_to_the_layer_before_them():
    stack = [
        layers.Conv2D(6, 5, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, "softmax"),
    ]
    nodes = graph_of(summary(stack, (28, 28, 1)).trace).nodes
    assert [(node.kind, node.label, node.shape) for node in nodes] == [
        ("image", "image", (28, 28, 1)),
        ("convolution", "5×5 conv", (24, 24, 6)),
        ("pooling", "2×2 max pool /2", (12, 12, 6)),
        ("dense", "dense", (10,)),
    ]
    assert nodes[1].names == ["conv2d_1", "conv2d_1_relu", "batch_normalization_1"]


def test_branches_are_read_by_their_join():
    nodes = graph(Inception(3)).nodes
    join = nodes[-1]
    assert (join.label, join.shape) == ("concat", (64, 64, 32))
    assert [source.label for source in join.inputs] == [
        "1×1 conv",
        "3×3 conv",
        "5×5 conv",
        "1×1 conv",
    ]
    assert [n.label for n in nodes if nodes[0] in n.inputs].count("1×1 conv") == 3


def test_names_of_what_a_convolution_does():
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, groups=3), nn.Conv2d(6, 6, 3, groups=2), nn.ConvTranspose2d(6, 6, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    labels = [node.label for node in graph(network).nodes]
    assert labels == ["image", "3×3 depthwise /2", "3×3 grouped conv", "conv up", "global mean"]


def test_repeated_blocks_are_folded_and_counted():
    shown = graph(densenet_like())
    assert [(len(repeat.nodes), repeat.times, repeat.dense) for repeat in shown.repeats] == [
        (3, 20, True),
        (3, 6, True),
    ]
    assert len(shown.nodes) == 1 + 1 + 3 + 1 + 1 + 3 + 1
    shown = graph(googlenet_like())
    assert [(len(repeat.nodes), repeat.times) for repeat in shown.repeats] == [(8, 6)]
    shown = graph(zoo_network("resnet18"), (224, 224, 3))
    assert shown.repeats == []
    shown = graph(zoo_network("resnet50"), (224, 224, 3))
    assert [repeat.times for repeat in shown.repeats] == [2, 3, 5, 2]


NETWORKS = {
    "googlenet": googlenet_like,
    "densenet": densenet_like,
    "resnet18": lambda: zoo_network("resnet18"),
    "resnet152": lambda: zoo_network("resnet152"),
    "striatenet": lambda: zoo_network("striatenet"),
}


@pytest.mark.parametrize("build", NETWORKS.values(), ids=list(NETWORKS))
def test_everything_has_its_place_on_one_page(build):
    network = build()
    layout = lay_out(graph(network), HEAD)
    boxes = list(layout.boxes.values())
    assert layout.width <= WIDTH + 30
    assert layout.height <= 1200
    for box in boxes:
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= layout.width
        assert box.top >= HEAD
        assert box.foot <= layout.height
    for one, other in combinations(boxes, 2):
        apart = abs(one.x - other.x) >= (one.width + other.width) / 2
        above = one.foot <= other.top or other.foot <= one.top
        assert apart or above, (one.node.names, other.node.names)


def test_height_and_thickness_tell_the_shape():
    layout = lay_out(graph(zoo_network("striatenet"), (224, 224, 3)), HEAD)
    boxes = [box for node, box in layout.boxes.items() if node.kind == "convolution"]
    largest, smallest = boxes[0], boxes[-1]
    assert largest.height > 2 * smallest.height
    assert largest.depth > 2 * smallest.depth
    assert smallest.thickness > largest.thickness


def test_a_skip_is_an_arc_above_what_it_skips():
    layout = lay_out(graph(zoo_network("resnet18"), (224, 224, 3)), HEAD)
    arcs = [(stretch, pair, y) for stretch in layout.stretches for pair, y in stretch.arcs.items()]
    assert len(arcs) == 5  # the other three blocks project
    for stretch, _, y in arcs:
        assert all(y < layout.boxes[node].top for node in stretch.nodes)


def test_the_document_is_valid_and_says_what_it_shows():
    picture = draw(zoo_network("resnet18"), (224, 224, 3), title="mine & <yours>")
    root = ElementTree.fromstring(picture)
    title = root.find(f"{SVG}title").text
    assert title.startswith("mine & <yours>: input 224×224×3, 11,181,642 weights, 1.81 billion")
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts.count("3×3 conv") == 13
    assert texts.count("3×3 conv /2") == 3
    assert {"convolution", "pooling", "dense", "join", "112×112×64", "10 features"} <= set(texts)
    style = root.find(f"{SVG}style").text
    assert "prefers-color-scheme: dark" in style
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_it_is_written_where_asked(tmp_path):
    path = tmp_path / "net.svg"
    picture = draw([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)], (8, 8, 1), path)
    assert path.read_text(encoding="utf-8") == picture


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Linear(3, 2), (3,)),
        (nn.Identity(), (8, 8, 1)),
        (nn.Conv1d(1, 4, 3), (20, 1)),
        (nn.Conv3d(1, 4, 3), (9, 9, 9, 1)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (6, 8)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_networks_are_drawn_too(network, shape):
    if isinstance(network, nn.TransformerEncoderLayer):
        shape = (8, 6)  # [N, 6, 8] is what it takes
    ElementTree.fromstring(draw(network, shape))

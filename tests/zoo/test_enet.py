"""ENet: nobody vouches for it, so table 1 of the paper does, layer by layer; and it learns."""

from collections import Counter

import pytest
import torch
from torch import nn

from striate import zoo
from striate.errors import UnknownName
from striate.nn import Segmenter
from striate.summaries import summary

TABLE_1 = {  # name in the paper -> (path, width, pixels of an image of 512)
    "initial": ("features.stem", 16, 256),
    "bottleneck1.0": ("features.stage1.0", 64, 128),
    **{f"bottleneck1.{i}": (f"features.stage1.{i}", 64, 128) for i in range(1, 5)},
    **{f"bottleneck2.{i}": (f"features.stage2.{i}", 128, 64) for i in range(9)},
    **{f"bottleneck3.{i}": (f"features.stage3.{i}", 128, 64) for i in range(8)},
    "bottleneck4.0": ("head.up4", 64, 128),
    **{f"bottleneck4.{i}": (f"head.stage4.{i - 1}", 64, 128) for i in (1, 2)},
    "bottleneck5.0": ("head.up5", 16, 256),
    "bottleneck5.1": ("head.stage5", 16, 256),
    "fullconv": ("head.fullconv", 19, 512),
}


@pytest.fixture(scope="module")
def traced():
    with torch.device("meta"):
        network = zoo.create("enet")
        sizes = {}
        for path, _, _ in TABLE_1.values():
            network.get_submodule(path).register_forward_hook(
                lambda _module, _inputs, output, path=path: sizes.update({path: output.shape})
            )
        network(torch.empty(1, 3, 512, 512))
    return network, sizes


@pytest.mark.parametrize("layer", TABLE_1)
def test_shapes_are_those_of_table_1(traced, layer):
    path, width, pixels = TABLE_1[layer]
    assert traced[1][path] == (1, width, pixels, pixels)


def weights_of(path, network):
    """Of convolutions alone, by the paper's kinds of layers."""
    module = network.get_submodule(path)
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return sum(m.weight.numel() for m in module.modules() if isinstance(m, kinds))


def narrow(before, width, first=1, kernel=9, inside=None):
    """Weights of figure 2b: first x first, the middle, 1 x 1."""
    inside = inside or width // 4
    return before * inside * first**2 + inside**2 * kernel + inside * width


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("initial", 3 * 13 * 9),
        ("bottleneck1.0", narrow(16, 64, first=2)),
        ("bottleneck1.4", narrow(64, 64)),
        ("bottleneck2.0", narrow(64, 128, first=2)),
        ("bottleneck2.1", narrow(128, 128)),
        ("bottleneck2.3", narrow(128, 128, kernel=5 + 5)),
        ("bottleneck2.8", narrow(128, 128)),
        ("bottleneck3.6", narrow(128, 128, kernel=5 + 5)),
        ("bottleneck4.0", narrow(128, 64) + 128 * 64),
        ("bottleneck5.0", narrow(64, 16) + 64 * 16),
        ("bottleneck5.1", narrow(16, 16)),
        ("fullconv", 16 * 19 * 4),
    ],
)
def test_weights_layer_by_layer(traced, layer, expected):
    assert weights_of(TABLE_1[layer][0], traced[0]) == expected


@pytest.mark.parametrize("stage", ["2", "3"])
def test_kinds_and_order_of_the_wide_sighted_bottlenecks(traced, stage):
    kinds = []
    for layer, (path, _, _) in TABLE_1.items():
        if layer.startswith(f"bottleneck{stage}.") and layer != "bottleneck2.0":
            middle = traced[0].get_submodule(path)[0].branch[1]
            convolutions = [m for m in middle.modules() if isinstance(m, nn.Conv2d)]
            kinds.append([(*m.kernel_size, m.dilation[0]) for m in convolutions])
    regular, asymmetric = [(3, 3, 1)], [(5, 1, 1), (1, 5, 1)]
    dilated = [[(3, 3, rate)] for rate in (2, 4, 8, 16)]
    assert kinds == [
        *(regular, dilated[0], asymmetric, dilated[1]),
        *(regular, dilated[2], asymmetric, dilated[3]),
    ]


def test_dropout_is_weak_up_to_stage_1_and_no_convolution_has_a_bias(traced):
    network = traced[0]
    drops = [m.p for m in network.features.modules() if isinstance(m, nn.Dropout2d)]
    assert drops == [0.01] * 5 + [0.1] * 17
    assert {m.p for m in network.head.modules() if isinstance(m, nn.Dropout2d)} == {0.1}
    biased = [n for n, m in network.named_modules() if getattr(m, "bias", None) is not None]
    assert [n for n in biased if not isinstance(network.get_submodule(n), nn.BatchNorm2d)] == [
        "head.fullconv"
    ]


def test_about_370_thousand_weights_with_the_running_statistics(traced):
    network = traced[0]
    kinds = Counter(type(m).__name__ for m in network.modules())
    running = sum(b.numel() for n, b in network.named_buffers() if "running" in n)
    weights = sum(p.numel() for p in network.parameters())
    assert weights == 363_954
    assert round((weights + running) / 1e6, 2) == 0.37
    assert kinds["ReLU"] == 0


def test_the_decoder_sees_a_little_more_than_the_encoder():
    table = summary(zoo.create("enet"), (512, 512, 3))
    seen = {row.name: row.receptive_field for row in table.rows}
    assert seen["features.stage3.7.1"] == (1217, 1217)
    assert table.output_shape == (512, 512, 19)
    assert 1217 < seen["head.fullconv"][0] < 1300


@pytest.mark.parametrize("size", [(1, 1), (7, 8), (33, 47), (64, 64)])
def test_every_size_is_answered_pixel_for_pixel(size):
    torch.manual_seed(0)
    network = zoo.create("enet", classes=3).double().eval()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    answers = network(images)
    assert answers.shape == (2, 3, *size)
    torch.testing.assert_close(answers[1:], network(images[1:]))
    whole = network.head(network.features(images))
    assert torch.equal(answers, whole[..., : size[0], : size[1]])


def test_places_travel_with_the_images():
    """Two runs through the encoder, then two decodings: neither disturbs the other."""
    torch.manual_seed(0)
    network = zoo.create("enet", classes=3).eval()
    one, other = torch.randn(2, 1, 3, 16, 16)
    maps, others = network.features(one), network.features(other)
    assert torch.equal(network.head(maps), network(one))
    assert torch.equal(network.head(others), network(other))
    swapped = (maps[0], others[1], *maps[2:])
    assert not torch.allclose(network.head(swapped), network(one))


def test_a_pretrained_encoder_fits_the_segmenter():
    encoder, whole = zoo.create("enet_encoder", classes=5), zoo.create("enet", classes=3)
    whole.features.load_state_dict(encoder.features.state_dict())
    images = torch.randn(1, 3, 24, 24)
    assert torch.equal(encoder.eval().features(images), whole.eval().features(images)[-1])
    assert encoder(images).shape == (1, 5)


def test_what_made_it_and_its_taps():
    network = zoo.create("enet", classes=3, channels=5)
    assert isinstance(network, Segmenter)
    twin = zoo.create(**network.made_by)
    assert {k: v.shape for k, v in twin.state_dict().items()} == {
        k: v.shape for k, v in network.state_dict().items()
    }
    assert network(torch.randn(2, 5, 16, 16)).shape == (2, 3, 16, 16)
    assert list(network.taps()) == [
        *("stem", "stage1", "stage2", "stage3"),
        *("up4", "stage4", "up5", "stage5", "fullconv"),
    ]
    with pytest.raises(UnknownName, match="'stage4'"):
        network.tap("stage6")


def test_it_exports():
    network = zoo.create("enet", classes=3).eval()
    images = torch.randn(1, 3, 17, 24)
    exported = torch.export.export(network, (images,)).module()
    torch.testing.assert_close(exported(images), network(images))


@pytest.mark.slow
def test_four_pictures_are_learnt_by_heart():
    """A bright square in noise, which is the class of its pixels by its colour."""
    torch.manual_seed(0)
    images, labels = 0.3 * torch.randn(4, 3, 32, 32), torch.zeros(4, 32, 32, dtype=torch.long)
    for i in range(4):
        rows, columns = slice(4 + 3 * i, 16 + 3 * i), slice(20 - 4 * i, 30 - 4 * i)
        images[i, i % 3, rows, columns] += 2
        labels[i, rows, columns] = 1 + i % 3
    network = zoo.create("enet", classes=4)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(120):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (network.eval()(images).argmax(1) == labels).float().mean()
    assert loss.item() < 0.1
    assert right > 0.95

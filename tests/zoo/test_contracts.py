"""What every architecture owes its users. A new family is tested by being in the table."""

import pytest
import torch
from torch import nn

from striate import zoo
from striate.errors import ShapeError, UnknownName, UsageError
from striate.nn import Classifier
from striate.summaries import summary
from striate.zoo import ARCHITECTURES
from striate.zoo._spec import table

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)
SMALL = {"lenet5": 28, "resnet18": 32, "striatenet": 28}
every_small_one = pytest.mark.parametrize(("name", "size"), SMALL.items())


def count(network):
    return sum(weight.numel() for weight in network.parameters())


@every_architecture
def test_parameter_count_is_the_published_one(name):
    spec = ARCHITECTURES[name]
    with torch.device("meta"):  # shapes only: no memory, no arithmetic
        assert count(spec.build()) == spec.params


@every_architecture
def test_other_classes_and_channels(name):
    spec = ARCHITECTURES[name]
    with torch.device("meta"):
        network = zoo.create(name, classes=7, channels=2)
        images = torch.empty(2, 2, spec.image_size, spec.image_size)
        maps = network.features(images)
        assert maps.shape[2:] == (-(-spec.image_size // spec.stride),) * 2 or name == "lenet5"
        assert network.head(maps).shape == network(images).shape == (2, 7)


@every_architecture
def test_features_are_named_for_people(name):
    with torch.device("meta"):
        network = ARCHITECTURES[name].build()
    assert isinstance(network, Classifier)
    assert all(not child.isdigit() for child, _ in network.features.named_children())
    assert not any(getattr(module, "inplace", False) for module in network.modules())


@every_architecture
def test_the_arguments_that_made_it_make_it_again(name):
    with torch.device("meta"):
        network = zoo.create(name, classes=3, channels=1, image_size=48)
        again = zoo.create(**network.made_by)
    assert network.made_by == {"name": name, "classes": 3, "channels": 1, "image_size": [48, 48]}
    assert {k: v.shape for k, v in network.state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }


@every_small_one
def test_each_image_is_answered_alone(name, size):
    torch.manual_seed(0)
    network = zoo.create(name, classes=5, image_size=size).eval()
    images = torch.randn(3, 3, size, size)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]))


@every_small_one
def test_every_parameter_learns(name, size):
    torch.manual_seed(0)
    network = zoo.create(name, classes=5, image_size=size)
    for parameter in network.parameters():  # leave the zero-initialised norms
        nn.init.normal_(parameter, std=0.1)
    network(torch.randn(4, 3, size, size)).square().sum().backward()
    assert [k for k, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.slow
@every_small_one
def test_one_batch_is_learnt_by_heart(name, size):
    torch.manual_seed(0)
    network = zoo.create(name, classes=4, channels=1, image_size=size)
    images, labels = torch.randn(8, 1, size, size), torch.arange(8) % 4
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    for _ in range(30):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.02


@pytest.mark.parametrize(
    ("size", "maps"), [(8, 2), (16, 4), (28, 4), (32, 4), (64, 8), (96, 3), (128, 4), (224, 7)]
)
def test_the_default_network_fits_the_image(size, maps):
    with torch.device("meta"):
        network = zoo.create("striatenet", classes=10, image_size=size)
        assert network.features(torch.empty(1, 3, size, size)).shape[2:] == (maps, maps)


@pytest.mark.parametrize("size", [8, 28, 96])
def test_the_default_network_sees_the_whole_image_and_wastes_no_pixel(size):
    table = summary(zoo.create("striatenet", classes=10, image_size=size), (size, size, 3))
    last = next(
        row for row in reversed(table.rows) if row.kind == "Conv2d" and "branch" in row.name
    )
    assert min(last.receptive_field) >= 0.9 * size
    assert table.warnings == ()


def test_a_fresh_residual_block_passes_its_shortcut_through():
    torch.manual_seed(0)
    network = zoo.create("resnet18", classes=3).eval()
    x = torch.rand(2, 64, 9, 9)
    assert torch.equal(network.features.stage1(x), x)


@pytest.mark.parametrize(
    ("size", "s4"), [((16, 16), (1, 1)), ((28, 28), (4, 4)), ((32, 40), (5, 7))]
)
def test_lenet_fits_its_dense_layer_to_the_image(size, s4):
    with torch.device("meta"):
        network = zoo.create("lenet5", classes=10, channels=1, image_size=size)
        images = torch.empty(1, 1, *size)
        assert network.features(images).shape == (1, 16, *s4)
        assert network(images).shape == (1, 10)


def test_names_are_listed_by_pattern():
    assert zoo.list("resnet1*") == ("resnet18", "resnet101", "resnet152")
    assert zoo.list() == tuple(ARCHITECTURES)
    assert zoo.list("vgg*") == ()


def test_wrong_requests_are_explained():
    with pytest.raises(UnknownName, match=r"'resnet81'.*'resnet18'"):
        zoo.create("resnet81", classes=10)
    with pytest.raises(UsageError, match="resnet18: classes must be 1 or more, got classes=0"):
        zoo.create("resnet18", classes=0)
    with pytest.raises(ShapeError, match="lenet5 needs images of at least 16×16 pixels, got 8×8"):
        zoo.create("lenet5", classes=10, image_size=8)


def test_a_name_used_twice_is_an_error():
    spec = ARCHITECTURES["resnet18"]
    with pytest.raises(ValueError, match=r"used twice.*resnet18"):
        table((spec,), (spec,))

"""What every architecture owes its users. A new family is tested by being in the table."""

import copy

import pytest
import torch
from torch import nn

import striate as st
from striate import zoo
from striate.errors import ShapeError, UnknownName, UsageError
from striate.nn import Classifier
from striate.summaries import summary
from striate.training.objective import SingleLabel, total_loss
from striate.zoo import ARCHITECTURES
from striate.zoo._spec import table
from zoo.parity import count

QUICK = [  # small ones of several families: the others are slow tests
    "lenet5",
    "lenet5_1998",
    "squeezenet1_1",
    "resnet18",
    "resnet20_cifar",
    "plain20_cifar",
    "mobilenet_v1_0.25",
    "mobilenet_v2_0.35",
    "mobilenet_v3_small",
    "enet",
    "enet_encoder",
    "striatenet",
]
every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)
every_real_one = pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ARCHITECTURES]
)


def small(name, *, classes=4):
    """A network at its smallest image, or at 32 pixels where that is more, and such images."""
    spec = ARCHITECTURES[name]
    side = smallest_useful(spec)
    network = zoo.create(name, classes=classes, image_size=side if spec.sized else None)
    return network, torch.randn(4, spec.channels, side, side)


def smallest_useful(spec):
    """Multiples of 32 suit networks that ask for whole patches or even maps."""
    return spec.smallest if spec.smallest >= 32 else 32


@every_architecture
def test_facts_are_the_published_ones(name):
    spec = ARCHITECTURES[name]
    with torch.device("meta"):  # shapes only: no memory, no arithmetic
        network = spec.build()
    assert count(network) == spec.params
    shown = summary(network.eval(), (spec.image_size, spec.image_size, spec.channels))
    assert shown.multiply_adds == pytest.approx(spec.multiply_adds, rel=0.01)
    if spec.receptive_field is not None:
        *_, last = (name for name, _ in network.features.named_children())
        maps = next(v.output for v in shown.trace.visits if v.name == f"features.{last}")
        assert [axis.field.size for axis in maps.sight] == [spec.receptive_field] * 2
        assert [axis.field.jump for axis in maps.sight] == [spec.stride] * 2
    assert 1989 <= spec.year <= 2026
    assert (spec.top5 is None) == (spec.top5_of == "")


@every_architecture
def test_other_classes_and_channels(name):
    spec = ARCHITECTURES[name]
    size = spec.image_size
    with torch.device("meta"):
        network = zoo.create(name, classes=7, channels=2).eval()
        images = torch.empty(2, 2, size, size)
        maps = network.features(images)
        answers = network(images)
    if spec.task == "segmentation":
        assert answers.shape == (2, 7, size, size)
        return
    assert network.head(maps).shape == answers.shape == (2, 7)
    if spec.stride is not None:
        assert maps.ndim == 4


@every_architecture
def test_other_image_sizes(name):
    spec = ARCHITECTURES[name]
    height, width = 2 * spec.image_size, spec.image_size
    with torch.device("meta"):
        fitted = zoo.create(name, image_size=(height, width) if spec.sized else None).eval()
        answers = fitted(torch.empty(1, spec.channels, height, width))
    assert answers.shape[:2] == (1, spec.classes)


@every_architecture
def test_features_are_named_for_people(name):
    with torch.device("meta"):
        network = ARCHITECTURES[name].build()
    assert isinstance(network, Classifier) or ARCHITECTURES[name].task != "classification"
    assert all(not child.isdigit() for child, _ in network.features.named_children())
    assert not any(getattr(module, "inplace", False) for module in network.modules())
    modules = dict(network.named_modules())
    assert network.taps()
    assert all(path in modules for path in network.taps().values())


@every_architecture
def test_the_arguments_that_made_it_make_it_again(name):
    size = [ARCHITECTURES[name].image_size] * 2
    with torch.device("meta"):
        network = zoo.create(name, classes=3, channels=1, image_size=tuple(size))
        again = zoo.create(**network.made_by)
    assert network.made_by == {"name": name, "classes": 3, "channels": 1, "image_size": size}
    assert {k: v.shape for k, v in network.state_dict().items()} == {
        k: v.shape for k, v in again.state_dict().items()
    }


@every_architecture
def test_smaller_images_than_it_can_take_are_refused(name):
    spec = ARCHITECTURES[name]
    if spec.smallest == 1:
        return  # any image will do
    side = spec.smallest - 1
    with torch.device("meta"):
        network = zoo.create(name, image_size=spec.smallest if spec.sized else None).eval()
        maps = network.features(torch.empty(1, spec.channels, spec.smallest, spec.smallest))
        assert maps.numel() > 0
        with pytest.raises(ShapeError, match=f"{name} needs .* {spec.smallest}×{spec.smallest} "):
            network(torch.empty(1, spec.channels, side, side))
        with pytest.raises(ShapeError, match=f"{name} needs"):
            zoo.create(name, image_size=side)


@every_real_one
def test_one_step_at_the_smallest_image(name):
    torch.manual_seed(0)
    spec = ARCHITECTURES[name]
    side = spec.smallest
    network = zoo.create(name, classes=3, image_size=side if spec.sized else None)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
    before = copy.deepcopy(network.state_dict())
    answers = network(torch.randn(4, spec.channels, side, side))
    labels = torch.arange(4) % 3
    if spec.task == "segmentation":
        labels = labels[:, None, None].expand(4, side, side)
        loss = nn.functional.cross_entropy(answers, labels)
    else:
        loss = total_loss(SingleLabel(), answers, labels)
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    after = network.state_dict()
    assert all(tensor.isfinite().all() for tensor in after.values())
    assert any(not torch.equal(before[key], after[key]) for key, _ in network.named_parameters())


@every_real_one
def test_each_image_is_answered_alone(name):
    torch.manual_seed(0)
    network, images = small(name)
    network, images = network.double().eval(), images.double()
    with torch.no_grad():
        assert torch.equal(network(images), network(images))  # no dropout, no dropped paths
        torch.testing.assert_close(network(images)[1:2], network(images[1:2]))


@every_real_one
def test_every_parameter_learns(name):
    torch.manual_seed(0)
    network, images = small(name)
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d) or type(module).__name__ == "DropPath":
            module.eval()
    for parameter in network.parameters():  # leave the zero-initialised norms
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    answers = network(images)
    answers = (answers,) if isinstance(answers, torch.Tensor) else answers
    sum(answer.square().mean() for answer in answers).backward()
    assert [k for k, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@every_real_one
def test_a_saved_model_is_the_same_to_the_bit(name, tmp_path):
    if ARCHITECTURES[name].task != "classification":
        pytest.skip("a model file holds a classifier or a regressor so far")
    torch.manual_seed(0)
    network, images = small(name)
    st.Model(network).save(tmp_path / "model.safetensors")
    again = st.load(tmp_path / "model.safetensors").network
    assert again.made_by == network.made_by
    states = network.state_dict(), again.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    network.eval(), again.eval()
    with torch.no_grad():
        assert torch.equal(network(images), again(images))


@every_real_one
def test_exported_it_answers_alike(name):
    torch.manual_seed(0)
    network, images = small(name)
    network.eval()
    program = torch.export.export(network, (images,))
    with torch.no_grad():
        expected = network(images)
        torch.testing.assert_close(program.module()(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@every_architecture
def test_one_batch_is_learnt_by_heart(name):
    if name == "plain110_cifar":
        pytest.skip("110 layers without shortcuts do not train: the paper's point, section 4.2")
    torch.manual_seed(0)
    network, images = small(name)
    labels = torch.arange(4) % 4
    if ARCHITECTURES[name].task == "segmentation":
        labels = labels[:, None, None].expand(4, *images.shape[2:])
    rate = 1e-4 if "fc7" in network.taps() else 1e-3  # for dense layers of 4096 units
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate)
    for _ in range(400 if ARCHITECTURES[name].task == "segmentation" else 150):
        answers = network(images)
        main = answers if isinstance(answers, torch.Tensor) else answers[0]
        if nn.functional.cross_entropy(main, labels).item() < 0.05:
            return
        loss = (
            nn.functional.cross_entropy(main, labels)
            if ARCHITECTURES[name].task == "segmentation"
            else total_loss(SingleLabel(), answers, labels)
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    pytest.fail(f"the loss is still {loss.item():.3f}")


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


@pytest.mark.parametrize("size", [8, 28, 96])
def test_every_block_of_the_default_network_begins_with_more_than_1x1_convolutions(size):
    torch.manual_seed(0)
    network = zoo.create("striatenet", classes=3, image_size=size).eval()
    maps = network.features.stem(torch.rand(2, 3, size, size))
    for name, block in list(network.features.named_children())[1:]:
        alone = isinstance(block.shortcut, nn.Identity)  # then nothing is lost on the way
        assert (block.branch(maps).abs().max() == 0) == alone, name
        maps = block(maps)


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
    assert zoo.list("resnet1??") == ("resnet101", "resnet152")
    assert zoo.list() == tuple(ARCHITECTURES)
    assert zoo.list("perceptron*") == ()


def test_families_hold_every_architecture_once():
    assert [zoo.family_of(name) for name in ("lenet5", "resnet50", "striatenet")] == [
        "lenet",
        "resnet",
        "striatenet",
    ]
    assert all(module.__doc__ for module in zoo.FAMILIES.values())


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

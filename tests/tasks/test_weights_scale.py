"""How images are scaled for weights: known, given by a person, or measured."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from striate import Preprocessing, zoo
from striate.data import open_dataset
from striate.errors import UsageError
from striate.nn import Classifier, pooled_linear
from striate.tasks.weights import put_into, starting_weights
from striate.tasks.weights_scale import (
    CONVENTIONS,
    base_preprocessing,
    check_scale,
    choose_preprocessing,
    for_channels,
)

IMAGENET, HALF = CONVENTIONS["ImageNet's mean and deviation"], CONVENTIONS["-1..1"]


def smooth(count, seed=0, low=0, high=256, channels=3):
    """Pictures [n, 32, 32, C] of coarse coloured squares, uint8."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(low, high, (count, 8, 8, channels), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def as_photographs(pixels):
    """With the mean and deviation of ImageNet's photographs, 0..1, not rounded: [n, C, H, W]."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    deviation, mean = torch.std_mean(images, dim=(0, 2, 3), keepdim=True)
    wanted = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    return (images - mean) / deviation * torch.tensor([0.264, 0.256, 0.271]).view(
        1, 3, 1, 1
    ) + wanted


def learnt_under(scale):
    """A network with batch norms whose statistics come from photographs of this scale."""
    torch.manual_seed(0)
    network = zoo.create("resnet20_cifar")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the last batch is all that is remembered
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in scale)
    network.train()((as_photographs(smooth(64)) - mean) / std)
    return network


def labelled(low=0, high=256, count=40):
    images = smooth(count, seed=1, low=low, high=high)
    return open_dataset((images, np.arange(count) % 2), task="single_label")


SMALL = Preprocessing(size=(32, 32), mean=IMAGENET[0], std=IMAGENET[1])


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize(("low", "high"), [(0, 256), (90, 130)], ids=["bright", "dull"])
def test_the_norms_tell_the_scale_whatever_the_contrast(name, low, high):
    chosen = choose_preprocessing(learnt_under(CONVENTIONS[name]), labelled(low, high), SMALL)
    assert (chosen.convention, chosen.measure, chosen.warning) == (name, "statistics", "")
    mean, std = CONVENTIONS[name]
    assert chosen.preprocessing == Preprocessing(size=(32, 32), mean=mean, std=std)
    assert chosen.scores.keys() == CONVENTIONS.keys()
    assert min(chosen.scores, key=chosen.scores.get) == name
    assert f"scaled to {name}: the divergence" in chosen.reason


def test_the_network_is_left_as_it_was():
    network = learnt_under(HALF)
    network.features.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    choose_preprocessing(network, labelled(), SMALL)
    assert [module.training for module in network.modules()] == modes
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_what_a_person_gives_is_obeyed_and_doubted():
    network = learnt_under(HALF)
    chosen = choose_preprocessing(network, labelled(), SMALL, given=IMAGENET)
    assert (chosen.preprocessing.mean, chosen.preprocessing.std) == IMAGENET
    assert "-1..1 clearly better than to the mean and deviation given" in chosen.warning
    chosen = choose_preprocessing(network, labelled(), SMALL, given=HALF)
    assert (chosen.preprocessing.mean, chosen.warning) == (HALF[0], "")


def test_a_scale_that_nobody_uses_is_doubted():
    network = learnt_under(((-3.0,) * 3, (0.01,) * 3))
    assert "No usual scaling" in choose_preprocessing(network, labelled(), SMALL).warning


def test_a_known_scale_is_not_measured():
    chosen = choose_preprocessing(learnt_under(HALF), labelled(), SMALL, known=True)
    assert (chosen.preprocessing, chosen.measure, chosen.scores) == (SMALL, "none", {})
    doubted = choose_preprocessing(
        learnt_under(HALF),
        labelled(),
        Preprocessing(size=(32, 32), mean=HALF[0], std=HALF[1]),
        known=True,
        given=((0.0,) * 3, (1.0,) * 3),
    )
    assert "-1..1 clearly better" in doubted.warning


class Bright(nn.Module):
    """max(x, 0): what lies below the middle of -1..1 is lost."""

    def forward(self, images):
        return images.relu()


def blind_below_zero():
    return Classifier(nn.Sequential(OrderedDict(bright=Bright())), pooled_linear(3, 2))


def dark(labels, seed=2):
    """Pictures whose blue, all below the middle, grows with the label."""
    images = smooth(len(labels), seed=seed, low=0, high=30)
    images[..., 2] += (60 * np.asarray(labels)).astype(np.uint8)[:, None, None]
    return images


@pytest.mark.parametrize("task", ["single_label", "multi_label", "regression"])
def test_labels_tell_the_scale_where_there_are_no_norms(task):
    draw = np.random.default_rng(5)
    truth = draw.permutation(np.arange(60) % 2)
    images = dark(truth)
    labels = {
        "single_label": truth,
        "multi_label": np.stack([np.arange(60) == 0, truth], axis=1).astype(np.float32),
        "regression": (truth + draw.uniform(0, 0.4, 60)).astype(np.float32),
    }[task]
    data = open_dataset((images, labels), task=task)
    half = Preprocessing(size=(32, 32), mean=HALF[0], std=HALF[1])
    chosen = choose_preprocessing(blind_below_zero(), data, half)
    assert chosen.measure == "log loss"
    assert chosen.convention in ("0..1", "0..255")
    assert chosen.scores[chosen.convention] < 0.3 < 0.6 < chosen.scores["-1..1"]
    for name in ("0..1", "0..255"):  # equally good: the first is kept
        mean, std = CONVENTIONS[name]
        first = Preprocessing(size=(32, 32), mean=mean, std=std)
        assert choose_preprocessing(blind_below_zero(), data, first).preprocessing == first


def test_norms_that_were_folded_tell_nothing():
    network = zoo.create("resnet20_cifar")  # fresh ones: mean 0 and deviation 1
    assert choose_preprocessing(network, labelled(), SMALL).measure == "log loss"


@pytest.mark.parametrize("labels", [np.arange(12) % 2, np.arange(40) // 38, np.arange(40) // 4])
def test_too_few_images_of_a_class_measure_nothing(labels):
    data = open_dataset((smooth(len(labels)), labels), task="single_label")
    chosen = choose_preprocessing(blind_below_zero(), data, SMALL)
    assert (chosen.measure, chosen.preprocessing, chosen.scores) == ("none", SMALL, {})
    assert "too few" in chosen.reason


def test_sizes_and_scales_of_architectures():
    assert base_preprocessing("inception_v3") == zoo.published("inception_v3").preprocessing
    cifar = base_preprocessing("resnet20_cifar")
    assert (cifar.size, cifar.canvas, cifar.mean) == ((32, 32), (32, 32), IMAGENET[0])
    googlenet = base_preprocessing("googlenet")
    assert (googlenet.size, googlenet.canvas) == ((224, 224), (256, 256))
    assert base_preprocessing("mobilenet_v1_0.25").mean == HALF[0]


def test_scales_follow_the_channels():
    three = Preprocessing(size=(8, 8), mean=(0.1, 0.2, 0.6), std=(0.2, 0.4, 0.3))
    one, five = for_channels(three, 1), for_channels(three, 5)
    assert (one.channels, one.mean, one.std) == (1, (0.3,), (0.3,))
    assert (five.channels, five.mean) == (5, (0.1, 0.2, 0.6, 0.1, 0.2))
    assert for_channels(three, 3) == three
    assert for_channels(for_channels(three, 1), 3).mean == (0.3, 0.3, 0.3)


def test_one_channel():
    network = zoo.create("resnet20_cifar", channels=1)
    full = learnt_under(HALF)
    state = full.state_dict()
    first = next(name for name, tensor in state.items() if tensor.ndim == 4)
    state[first] = state[first].sum(dim=1, keepdim=True)
    network.load_state_dict(state)
    images = smooth(40, seed=1, channels=1)
    data = open_dataset((images, np.arange(40) % 2), task="single_label")
    chosen = choose_preprocessing(network, data, for_channels(SMALL, 1))
    assert chosen.preprocessing.channels == 1
    assert chosen.scores["0..255"] > 10 * chosen.scores["-1..1"]


def test_a_scale_for_255_is_refused_with_the_right_numbers():
    with pytest.raises(UsageError, match=r"--mean 0\.4824 0\.4588 0\.4078 --std 0\.00392") as found:
        check_scale((123.0, 117.0, 104.0), (1.0, 1.0, 1.0))
    assert found.value.code == "weights-scale"
    with pytest.raises(UsageError, match="above 0") as found:
        check_scale((0.5,) * 3, (0.5, 0.0, 0.5))
    assert found.value.code == "weights-std"
    for mean, std in CONVENTIONS.values():
        check_scale(mean, std)


CATS, CIFAR = "cats-dogs", "cifar10-subset"
V2 = "mobilenet_v2-imagenet-from-qat.safetensors"


@pytest.mark.parametrize(
    ("name", "file", "photographs", "wanted"),
    [
        (
            "squeezenet1_1",
            "squeezenet1_1-imagenet.safetensors",
            CATS,
            "0..255 minus (123, 117, 104)",
        ),
        ("mobilenet_v1_0.25", "mobilenet_v1_0.25_224-imagenet.safetensors", CATS, "-1..1"),
        ("mobilenet_v1_0.25", "mobilenet_v1_0.25_224-imagenet.safetensors", CIFAR, "-1..1"),
        pytest.param("mobilenet_v2_same", V2, CATS, "-1..1", marks=pytest.mark.slow),
        (
            "resnet20_cifar",
            "resnet20-cifar10.safetensors",
            CIFAR,
            "ImageNet's mean and deviation",
        ),
    ],
)
def test_real_weights_tell_their_scale(name, file, photographs, wanted, shared_data):
    data = open_dataset(str(shared_data / photographs), task="single_label")
    data = data.select(data.where("train"))
    weights = starting_weights(str(shared_data / "weights" / file), name)
    network = zoo.create(name, classes=len(data.classes))
    put_into(network, weights, data.classes)
    wrong = HALF if wanted != "-1..1" else IMAGENET
    base = base_preprocessing(name)
    first = Preprocessing(size=base.size, canvas=base.canvas, mean=wrong[0], std=wrong[1])
    assert choose_preprocessing(network, data, first).convention == wanted

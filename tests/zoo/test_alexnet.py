"""AlexNet: torchvision vouches for the one column; the paper's sizes for the two."""

import pytest
import torch

from striate import zoo
from zoo.parity import check_same_answers, check_same_gradients, count, torchvision_network


def shapes(name, size):
    """What each part of the features and of the head gives for one image, without the batch."""
    with torch.device("meta"):
        network = zoo.create(name).eval()
        x, found = torch.empty(1, 3, size, size), {}
        for half in (network.features, network.head):
            for child, part in half.named_children():
                x = part(x)
                found[child] = tuple(x.shape[1:])
    return found


@pytest.mark.slow
def test_one_column_answers_as_torchvision_does():
    pair = check_same_answers(
        "alexnet_one_column",
        torchvision_network("alexnet"),
        "torchvision",
        sizes=(64, (96, 224)),
    )
    check_same_gradients(*pair, "torchvision", 64)


def test_two_columns_have_the_maps_of_figure_2():
    found = shapes("alexnet", 227)
    assert [found[f"conv{i}"] for i in range(1, 6)] == [
        (96, 55, 55),
        (256, 27, 27),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
    ]
    assert (found["pool5"], found["fc6"], found["fc7"]) == ((256, 6, 6), (4096,), (4096,))
    assert found["fc8"] == (1000,)


def test_two_columns_have_the_weights_of_section_3():
    """A filter of conv2, conv4 and conv5 sees the half of the channels that its GPU holds."""
    with torch.device("meta"):
        network = zoo.create("alexnet")
    filters = {
        name: part.conv.weight.shape
        for name, part in network.features.named_children()
        if name.startswith("conv")
    }
    assert filters == {
        "conv1": (96, 3, 11, 11),
        "conv2": (256, 48, 5, 5),
        "conv3": (384, 256, 3, 3),
        "conv4": (384, 192, 3, 3),
        "conv5": (256, 192, 3, 3),
    }
    parts = [*network.features.named_children(), *network.head.named_children()]
    assert {name: count(part) for name, part in parts if count(part)} == {
        "conv1": 34_944,
        "conv2": 307_456,
        "conv3": 885_120,
        "conv4": 663_936,
        "conv5": 442_624,
        "fc6": 37_752_832,
        "fc7": 16_781_312,
        "fc8": 4_097_000,
    }


def test_the_columns_meet_only_in_conv3():
    """What the first GPU holds after conv2 does not reach the second one's maps before conv3."""
    torch.manual_seed(0)
    features = zoo.create("alexnet", classes=2).features
    maps = torch.rand(1, 96, 7, 7)
    other = maps.clone()
    other[:, :48] += 1  # the first GPU's half
    before, after = features.conv2(maps), features.conv2(other)
    assert torch.equal(before[:, 128:], after[:, 128:])
    assert not torch.equal(before[:, :128], after[:, :128])
    met = features.conv3(before), features.conv3(after)
    assert not torch.equal(met[0][:, 192:], met[1][:, 192:])


def test_taps_give_features_after_their_relu():
    torch.manual_seed(0)
    network = zoo.create("alexnet", classes=5).eval()
    heard = {}
    for tap in ("conv5", "fc6", "fc7", "fc8"):
        module = network.get_submodule(network.tap(tap))
        module.register_forward_hook(lambda _, __, out, tap=tap: heard.update({tap: out}))
    answers = network(torch.randn(1, 3, 67, 67))
    assert all(heard[tap].min() == 0 < heard[tap].max() for tap in ("conv5", "fc6", "fc7"))
    assert heard["fc7"].shape == (1, 4096)
    assert torch.equal(heard["fc8"], answers)

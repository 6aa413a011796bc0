"""Heads on features: closed answers, ties, the whole network, its file, export, explanations."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import striate as st
from striate import explain, zoo
from striate.errors import ExplainError, FileError, ShapeError, UsageError
from striate.model_file import read_model_file, write_model_file
from striate.nn.feature_heads import (
    NO_VOTE,
    LinearHead,
    NearestHead,
    feature_rows,
    head_from_json,
    head_of,
    put_head,
)


def linear(channels: int, classes: int = 3) -> LinearHead:
    torch.manual_seed(1)
    return LinearHead(torch.randn(classes, channels), torch.randn(classes))


def nearest(channels: int, classes: int = 3, images: int = 12, **options) -> NearestHead:
    torch.manual_seed(2)
    labels = torch.arange(images) % classes
    return NearestHead(torch.rand(images, channels), labels, classes=classes, **options)


HEADS = {
    "linear": linear,
    "cosine": lambda channels: nearest(channels, neighbours=3),
    "euclidean": lambda channels: nearest(
        channels,
        neighbours=4,
        metric="euclidean",
        mean=torch.rand(channels),
        scale=1 + torch.rand(channels),
    ),
}


def with_head(name: str, architecture: str = "squeezenet1_1", size: int = 64):
    """A small image for it, the network, and the features that its head is given, averaged."""
    torch.manual_seed(0)
    network = zoo.create(architecture, classes=3, image_size=size).eval()
    network.head.eval()
    channels = next(m for m in reversed([*network.head.modules()]) if hasattr(m, "weight"))
    put_head(network, HEADS[name](channels.weight.shape[1]))
    return network.eval(), torch.randn(4, 3, size, size)


def test_a_linear_head_is_the_product_with_the_means():
    head = LinearHead(torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([0.5, 0.0]))
    maps = torch.tensor([[[[1.0, 3.0]], [[0.0, 2.0]]]])  # means 2 and 1
    assert head(maps).tolist() == [[4.5, -1.0]]
    assert head(feature_rows(maps)).tolist() == [[4.5, -1.0]]


def test_shares_of_votes_are_the_probabilities():
    stored = torch.tensor([[0.0], [1.0], [2.0], [50.0]])
    head = NearestHead(
        stored, torch.tensor([2, 0, 2, 1]), classes=4, neighbours=3, metric="euclidean"
    )
    probabilities = head(torch.tensor([[1.2]])).exp()
    expected = torch.tensor([[1 / 3, NO_VOTE, 2 / 3, NO_VOTE]])
    torch.testing.assert_close(probabilities, expected)


def test_equal_votes_go_to_the_first_class():
    head = NearestHead(torch.eye(2), torch.tensor([2, 1]), classes=3, neighbours=2)
    assert head(torch.tensor([[0.3, 0.9]])).argmax().item() == 1


@pytest.mark.parametrize("copies", [1, 5, 37])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_of_equally_far_images_the_first_vote(metric, copies):
    """The same features again and again, with all kinds of labels: nothing but the order tells."""
    torch.manual_seed(copies)
    near, far = torch.randn(1, 19), torch.randn(3, 19)
    stored = torch.cat([far, near.repeat(2 * copies + 1, 1)])
    labels = torch.cat([torch.zeros(3), torch.ones(copies + 1), torch.full((copies,), 2)])
    head = NearestHead(stored, labels, classes=3, neighbours=copies + 1, metric=metric)
    votes = head(near + 1e-3 * torch.randn(7, 19)).exp()
    torch.testing.assert_close(votes, torch.tensor([[NO_VOTE, 1, NO_VOTE]]).expand(7, 3))


def test_multiples_are_equally_far_by_angle_and_zero_is_at_right_angles():
    stored = torch.tensor([[1.0, -1.0], [0.0, 0.0], [3.0, 3.0], [0.1, 0.1]])
    head = NearestHead(stored, torch.tensor([0, 1, 2, 3]), classes=4, neighbours=1)
    new = torch.tensor([[7.0, 7.0], [-1.0, -1.0], [0.0, 0.0], [-3.0, 1.0]])
    assert head(new).argmax(dim=1).tolist() == [2, 0, 0, 1]


def test_what_does_not_fit_is_refused_with_its_numbers():
    with pytest.raises(ShapeError, match=r"\[2, 3\] and \[3\]"):
        LinearHead(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(ShapeError, match=r"1\.\.12.*got 13"):
        nearest(4, neighbours=13)
    with pytest.raises(ShapeError, match="'manhattan'"):
        nearest(4, metric="manhattan")
    with pytest.raises(ShapeError, match=r"\[4\], got \[3\]"):
        nearest(4, mean=torch.zeros(3))
    with pytest.raises(ShapeError, match=r"\[2, 4, 4\]"):
        linear(4)(torch.zeros(2, 4, 4))
    network = zoo.create("squeezenet1_1", classes=2)
    with pytest.raises(ShapeError, match="made for 2 classes, the head for 3"):
        put_head(network, linear(512))
    with pytest.raises(UsageError, match="enet"):
        put_head(zoo.create("enet", classes=3), linear(16))


@pytest.mark.parametrize(
    ("name", "kept", "channels"),
    [
        ("squeezenet1_1", [], 512),
        ("resnet20_cifar", ["pool", "flatten"], 64),
        ("vgg11", ["pool", "flatten", "fc6", "drop6", "fc7"], 4096),
        ("mobilenet_v3_small", ["pool", "flatten", "hidden", "act"], 1024),
        ("convnext_tiny", ["pool", "norm", "flatten"], 768),
        ("vit_small_16", ["token"], 384),
        ("lenet5_1998", ["c5", "act5", "flatten", "f6", "act6"], 84),
    ],
)
def test_all_before_the_answer_stays(name, kept, channels):
    with torch.device("meta"):
        network = zoo.create(name, classes=3)
        put_head(network, linear(channels))
        put_head(network, nearest(channels))  # and again: the first one goes
        spec = zoo.ARCHITECTURES[name]
        images = torch.empty(2, spec.channels, spec.image_size, spec.image_size)
        assert network.eval()(images).shape == (2, 3)
    assert [child for child, _ in network.head.named_children()] == [*kept, "answer"]
    assert isinstance(head_of(network), NearestHead)
    assert network.taps()["answer"] == "head.answer"


@pytest.mark.parametrize("architecture", ["squeezenet1_1", "resnet20_cifar"])
@pytest.mark.parametrize("name", HEADS)
def test_the_file_gives_the_same_bits_back(name, architecture, tmp_path: Path):
    network, images = with_head(name, architecture)
    model = st.Model(network, classes=("a", "b", "c"))
    loaded = st.load(model.save(tmp_path / "model.safetensors"))
    assert head_of(loaded.network).to_json() == head_of(network).to_json()
    assert np.array_equal(loaded.predict(images), model.predict(images))
    for path, tensor in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[path], tensor), path
    assert (
        read_model_file(loaded.save(tmp_path / "again.safetensors"))[0]
        == read_model_file(tmp_path / "model.safetensors")[0]
    )


@pytest.mark.parametrize("name", HEADS)
def test_descriptions_are_json_and_give_the_head_back(name):
    head = HEADS[name](5)
    described = json.loads(json.dumps(head.to_json()))
    with torch.device("meta"):
        empty = head_from_json(described)
    empty.load_state_dict(head.state_dict(), assign=True)
    rows = torch.rand(6, 5)
    assert torch.equal(empty(rows), head(rows))


@pytest.mark.parametrize("name", HEADS)
def test_exports_answer_alike(name):
    network, images = with_head(name)
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    program = torch.export.export(network, (images,), dynamic_shapes=({**batch},))
    assert torch.equal(program.module()(images), network(images))
    assert torch.equal(program.module()(images[:3]), network(images[:3]))


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "pickle"},
        {"kind": ["linear"]},
        {"classes": 4},
        {"channels": -1},
        {"channels": 2.0},
        {"channels": True},
        {"channels": 2**62},
        {"weights": "http://elsewhere"},
        {"metric": "manhattan"},
        {"metric": []},
        {"neighbours": 13, "images": 12},
        {"neighbours": 0},
    ],
    ids=str,
)
def test_damaged_descriptions_are_refused(kind, damage, tmp_path: Path):
    network, _ = with_head(kind)
    path = st.Model(network, classes=("a", "b", "c")).save(tmp_path / "model.safetensors")
    card, tensors = read_model_file(path)
    card["architecture"]["head"] |= damage
    write_model_file(path, tensors, card)
    with pytest.raises(FileError) as caught:
        st.load(path)
    assert caught.value.code == "model-bad-card"


@pytest.mark.parametrize("head", [None, "svm", [], {}, {"kind": "nearest"}], ids=str)
def test_foreign_descriptions_are_refused(head, tmp_path: Path):
    network, _ = with_head("linear")
    path = st.Model(network, classes=("a", "b", "c")).save(tmp_path / "model.safetensors")
    card, tensors = read_model_file(path)
    card["architecture"]["head"] = head
    write_model_file(path, tensors, card)
    with pytest.raises(FileError) as caught:
        st.load(path)
    assert caught.value.code == "model-bad-card"


def test_networks_without_such_a_head_say_nothing_of_it(tmp_path: Path):
    model = st.Model(zoo.create("lenet5", classes=3), classes=("a", "b", "c"))
    path = model.save(tmp_path / "model.safetensors")
    assert "head" not in read_model_file(path)[0]["architecture"]
    assert head_of(st.load(path).network) is None


def test_class_activation_maps_of_a_linear_head_are_its_weights_times_the_maps():
    network, images = with_head("linear")
    maps = network.features(images).detach()
    weights = head_of(network).linear.weight[1].detach()
    heat = torch.einsum("k,nkhw->nhw", weights, maps)[:, None]
    by_weights, positive = (
        nn.functional.interpolate(each, size=images.shape[2:], mode="bilinear")[:, 0]
        for each in (heat, heat.relu())
    )
    score, near = explain.class_score(1), 1e-4 * float(heat.abs().max())
    found = explain.cam(network, images, score)
    torch.testing.assert_close(found, by_weights, atol=near, rtol=0)
    found = explain.grad_cam(network, images, score) * maps.shape[2] * maps.shape[3]
    torch.testing.assert_close(found, positive, atol=near, rtol=0)


def test_votes_refuse_gradients_in_a_sentence_and_can_be_explained_by_perturbation():
    network, images = with_head("cosine")
    for method in (explain.grad_cam, explain.saliency):
        with pytest.raises(ExplainError, match="by a way that has a gradient") as caught:
            method(network, images, explain.class_score(1))
        assert caught.value.fix
    assert explain.occlusion(network, images[:1], explain.class_score(1)).shape == (1, 64, 64)


def test_features_are_embedded_and_weights_counted():
    network, images = with_head("linear")
    rows = explain.embeddings(network, images)
    torch.testing.assert_close(rows, network.features(images).mean(dim=(2, 3)).detach())
    assert "answer" in str(st.summary(with_head("cosine")[0], (64, 64, 3)))

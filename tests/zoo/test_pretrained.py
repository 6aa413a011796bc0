"""Published weights: fetched, checked, mapped, kept; and networks that begin with them."""

import dataclasses
import hashlib
import json

import pytest
import torch

import striate as st
from striate import zoo
from striate.errors import FileError, UnknownName, UsageError
from striate.zoo import pretrained as module
from torchvision_peer import torchvision_models

NAME = "squeezenet1_1"


def theirs(network):
    """A state dict by torchvision's names, from ours."""
    from striate.zoo.foreign import NAMES
    from striate.zoo.foreign._match import find

    naming = NAMES[zoo.family_of(network.made_by["name"])]["torchvision"](network)
    state = network.state_dict()
    renamed = {}
    for key, tensor in state.items():
        path, _, last = key.rpartition(".")
        renamed[f"{naming[path]}.{last}"] = tensor
    assert find(network, renamed, naming, "torchvision").missing == ()
    return renamed


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Downloads come from a folder: weights of a random network, and the names of the classes."""
    torch.manual_seed(5)
    network = zoo.create(NAME)
    torch.save(theirs(network), tmp_path / "published.pth")
    index = {str(n): [f"n{n:08d}", f"kind_{n}"] for n in range(1000)}
    index["517"], index["134"] = ["n03126707", "crane"], ["n02012849", "crane"]
    (tmp_path / "names.json").write_text(json.dumps(index))
    asked = []

    def download(url, path, digest="", on_progress=None):
        asked.append(url)
        name = "names.json" if url.endswith(".json") else "published.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((tmp_path / name).read_bytes())
        return path

    monkeypatch.setattr(module, "download", download)
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    return network, asked


def test_pulled_weights_are_a_model_with_classes_and_preprocessing(server):
    network, asked = server
    path = zoo.pull(NAME)
    assert zoo.pull(NAME) == path
    assert len(asked) == 2  # once
    model = st.load(path)
    assert model.preprocessing == zoo.published(NAME).preprocessing
    assert (model.classes[0], model.classes[517]) == ("kind 0", "crane (n03126707)")
    assert len(set(model.classes)) == 1000
    assert all(torch.equal(a, b) for a, b in zip(*states(network, model.network), strict=True))
    assert model.provenance["weights"] == zoo.published(NAME).url
    assert len(model.provenance["sha256"]) == 64
    assert not [*(path.parent / "downloads").glob("*.pth")]  # no second copy is kept


def states(*networks):
    return [network.state_dict().values() for network in networks]


def test_a_network_begins_with_published_weights(server):
    network, _ = server
    begun = zoo.create(NAME, pretrained=True)
    assert all(torch.equal(a, b) for a, b in zip(*states(network, begun), strict=True))
    pyramid = zoo.create(NAME, pretrained=True, features_only=True)
    first = next(pyramid.features.parameters())
    assert torch.equal(first, next(network.features.parameters()))


def test_other_classes_get_a_fresh_last_layer(server):
    network, _ = server
    begun = zoo.create(NAME, classes=7, pretrained="torchvision")
    for key, tensor in begun.state_dict().items():
        old = network.state_dict()[key]
        if tensor.shape == old.shape:
            assert torch.equal(tensor, old)
        else:
            assert key.startswith("head.")
    assert begun(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_other_channels_see_the_same_grey_image(server, channels):
    network, _ = server
    begun = zoo.create(NAME, channels=channels, pretrained=True).eval()
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = network.eval()(grey.expand(1, 3, 64, 64))
        found = begun(grey.expand(1, channels, 64, 64))
    if channels in (1, 3, 6):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    else:  # some of the three come more often than others: nearly the same
        assert torch.corrcoef(torch.stack([found[0], expected[0]]))[0, 1] > 0.5


@pytest.mark.usefixtures("server")
def test_weights_of_another_network_are_refused(monkeypatch):
    other = dataclasses.replace(zoo.published(NAME), name="squeezenet1_0")
    monkeypatch.setattr(module, "published", lambda *_: other)
    with pytest.raises(FileError, match="not those of squeezenet1_0") as found:
        zoo.pull("squeezenet1_0")
    assert found.value.code == "zoo-weights-do-not-fit"
    with pytest.raises(FileError):
        zoo.create("squeezenet1_0", pretrained=True)


def test_what_nobody_published_is_said():
    with pytest.raises(UsageError, match="Nobody is known to have published weights for lenet5"):
        zoo.create("lenet5", pretrained=True)
    with pytest.raises(UnknownName, match="source of weights for resnet18 is named 'keras'"):
        zoo.published("resnet18", "keras")


def test_every_published_set_is_of_an_architecture_of_ours():
    for weights in zoo.WEIGHTS:
        spec = zoo.ARCHITECTURES[weights.name]
        assert (spec.classes, spec.channels) == (1000, 3)
        assert weights.url.startswith("https://")
        assert (
            not weights.digest or weights.digest.partition(":")[0] in hashlib.algorithms_available
        )
        assert weights.preprocessing.size[0] >= spec.smallest
    keys = [(weights.name, weights.source) for weights in zoo.WEIGHTS]
    assert len(set(keys)) == len(keys)


OURS_OF = {"alexnet_one_column": "alexnet", "googlenet_bn": "googlenet"}
REDONE = {"googlenet", "inception_v3"}  # their networks bring images to -1..1 themselves


@pytest.mark.parametrize("weights", [w for w in zoo.WEIGHTS if w.source == "torchvision"])
def test_what_torchvision_says_of_its_weights(weights):
    name = OURS_OF.get(weights.name, weights.name)
    theirs = torchvision_models().get_model_weights(name).IMAGENET1K_V1
    how = theirs.transforms()
    found = theirs.meta["_metrics"]["ImageNet-1K"]
    assert weights.url == theirs.url
    assert (weights.top1, weights.top5) == pytest.approx(
        (found["acc@1"], found["acc@5"]), abs=0.006
    )
    assert ([weights.size], [weights.canvas]) == (how.crop_size, how.resize_size)
    assert weights.preprocessing.interpolation == how.interpolation.value
    scale = ((0.5,) * 3, (0.5,) * 3) if name in REDONE else (tuple(how.mean), tuple(how.std))
    assert (weights.preprocessing.mean, weights.preprocessing.std) == scale

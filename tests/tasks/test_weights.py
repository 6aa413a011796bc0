"""Weights to begin with: found, read, put in, and warned about."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import striate as st
from striate import zoo
from striate.errors import FileError, UnknownName, UsageError
from striate.nn.stages import answer_path
from striate.tasks.weights import overlap, put_into, starting_weights

NAME = "resnet20_cifar"
SQUEEZENET = "squeezenet1_1-imagenet.safetensors"


@pytest.fixture
def theirs(tmp_path):
    """A CIFAR ResNet under torchvision's names, and its file."""
    from striate.zoo.foreign import NAMES

    network = seeded(NAME, classes=10)
    naming = next(iter(NAMES["resnet_cifar"].values()))(network)
    state = {}
    for key, tensor in network.state_dict().items():
        path, _, last = key.rpartition(".")
        state[f"{naming[path]}.{last}"] = tensor.clone()
    save_file(state, tmp_path / "theirs.safetensors")
    return network, tmp_path / "theirs.safetensors"


def seeded(name, seed=3, **options):
    torch.manual_seed(seed)
    return zoo.create(name, **options)


def differing(one, other):
    """Names of the tensors that are not bitwise equal."""
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    return {name for (name, tensor), twin in pairs if not torch.equal(tensor, twin)}


def answer_of(network):
    return {f"{answer_path(network)}.weight", f"{answer_path(network)}.bias"}


def test_a_foreign_file_of_a_named_architecture(theirs):
    network, file = theirs
    weights = starting_weights(str(file), NAME)
    assert (weights.name, weights.file, weights.foreign) == (NAME, file, True)
    assert (weights.preprocessing, weights.classes, weights.seen) == (None, (), frozenset())
    assert not weights.imagenet  # it tells ten classes apart
    begun = seeded(NAME, seed=8, classes=10)
    before = {name: tensor.clone() for name, tensor in begun.state_dict().items()}
    report = put_into(begun, weights, [f"kind {n}" for n in range(10)])
    assert differing(begun, network) == answer_of(begun)  # nobody says what its classes were
    assert set(report.fresh) == answer_of(begun)
    assert all(torch.equal(begun.state_dict()[name], before[name]) for name in answer_of(begun))
    assert report.matched + len(report.fresh) == len(before)


def test_a_foreign_file_for_other_classes_and_channels(theirs):
    network, file = theirs
    begun = seeded(NAME, seed=8, classes=3, channels=1)
    report = put_into(begun, starting_weights(str(file), NAME), ["a", "b", "c"])
    assert len(report.adapted) == 1
    first = report.adapted[0]
    expected = network.state_dict()[first].sum(dim=1, keepdim=True)
    assert torch.equal(begun.state_dict()[first], expected)


def test_a_foreign_file_must_be_named_and_what_it_fits_is_told(theirs):
    with pytest.raises(UsageError, match=r"--model NAME\. They fit resnet20_cifar") as caught:
        starting_weights(str(theirs[1]))
    assert caught.value.code == "weights-no-model"
    with pytest.raises(UsageError, match=r"weights of resnet18\. They fit resnet20_cif") as wrong:
        starting_weights(str(theirs[1]), "resnet18")
    assert wrong.value.code == "weights-other-architecture"


def test_weights_of_nothing_in_the_zoo(tmp_path):
    save_file({"a": torch.ones(700, 400)}, tmp_path / "odd.safetensors")
    with pytest.raises(UsageError, match="No architecture of the zoo takes them whole"):
        starting_weights(str(tmp_path / "odd.safetensors"))


def test_a_run_says_everything(trained):
    weights = starting_weights(str(trained.files.path))
    assert weights.name == "striatenet"
    assert not weights.foreign
    assert weights.preprocessing == trained.model.preprocessing
    assert weights.classes == ("blue", "green", "red")
    assert weights.seen == frozenset(trained.files.trained_hashes()) != frozenset()
    assert starting_weights(str(trained.files.model), "striatenet").seen == weights.seen


def test_the_last_layer_goes_on_only_for_the_same_classes(trained):
    weights = starting_weights(str(trained.files.model))
    size = trained.model.preprocessing.size
    same = seeded("striatenet", seed=8, classes=3, image_size=size)
    report = put_into(same, weights, ("blue", "green", "red"))
    assert differing(same, trained.model.network) == set()
    assert report.fresh == ()
    other = seeded("striatenet", seed=8, classes=3, image_size=size)
    report = put_into(other, weights, ("cyan", "green", "red"))
    assert differing(other, trained.model.network) == set(report.fresh) == answer_of(other)


def test_a_file_of_another_architecture(trained):
    with pytest.raises(
        UsageError, match=r"holds a striatenet, .* Say --model striatenet"
    ) as caught:
        starting_weights(str(trained.files.model), "resnet18")
    assert caught.value.code == "weights-other-architecture"


def test_a_network_that_is_not_of_the_zoo(tmp_path):
    own = st.Sequential([st.layers.Input((8, 8, 1)), st.layers.Flatten(), st.layers.Dense(2)])
    own.save(tmp_path / "own.safetensors")
    with pytest.raises(UsageError, match="not of the zoo") as caught:
        starting_weights(str(tmp_path / "own.safetensors"))
    assert caught.value.code == "weights-no-architecture"


def test_a_missing_file_names_its_neighbours(theirs, tmp_path):
    with pytest.raises(
        FileError, match=r"no file and no run .* Did you mean .*theirs\.saf"
    ) as found:
        starting_weights(str(tmp_path / "their.safetensor"), NAME)
    assert found.value.code == "weights-not-found"


def test_a_damaged_model_file_is_not_taken_for_a_foreign_one(trained, tmp_path):
    content = bytearray(trained.files.model.read_bytes())
    content[-5] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(FileError) as caught:
        starting_weights(str(tmp_path))
    assert caught.value.code == "model-damaged"


def test_unpublished_weights_and_unknown_names():
    with pytest.raises(UsageError, match="published weights for resnet20_cifar") as no:
        starting_weights("pretrained", NAME)
    assert no.value.code == "weights-not-published"
    assert "resnet50, " in no.value.fix
    with pytest.raises(UsageError, match="There are some for googlenet_bn"):
        starting_weights("pretrained", "googlenet")
    with pytest.raises(UnknownName):
        starting_weights("pretrained", "resnet19")


def test_published_weights(monkeypatch, tmp_path):
    preprocessing = zoo.published("squeezenet1_1").preprocessing
    network = seeded("squeezenet1_1")
    names = [f"kind {n}" for n in range(1000)]
    file = tmp_path / "squeezenet1_1-torchvision.safetensors"
    model = st.Model(network, preprocessing=preprocessing, classes=names)
    model.save(file)
    monkeypatch.setattr(zoo, "pull", lambda name, on_progress: {"squeezenet1_1": file}[name])
    weights = starting_weights("pretrained", "auto")
    assert (weights.name, weights.said) == ("squeezenet1_1", "published by torchvision")
    assert (weights.preprocessing, weights.imagenet, weights.foreign) == (
        preprocessing,
        True,
        False,
    )
    begun = seeded("squeezenet1_1", seed=8, classes=2)
    assert differing(seeded("squeezenet1_1", seed=8), network)
    report = put_into(begun, weights, ["cat", "dog"])
    assert set(report.fresh) == answer_of(begun)
    assert differing(begun.features, network.features) == set()


def test_test_images_that_were_seen(trained):
    weights = starting_weights(str(trained.files.path))
    seen = min(weights.seen)
    (told,) = overlap(weights, ["new.png", "old.png"], {"new.png": "0" * 64, "old.png": seen})
    assert (told.level, told.code) == ("warning", "weights-seen-images")
    assert "1 of 2 test images" in told.sentence
    assert "old.png" in told.sentence
    assert overlap(weights, ["new.png"], {"new.png": "0" * 64}) == ()
    assert overlap(weights, ["new.png"], {}) == ()


def test_test_images_named_as_those_of_imagenet(trained):
    weights = starting_weights(str(trained.files.path))
    names = ["test/n01440764_tench.JPEG", "test/ILSVRC2012_val_00000001.JPEG", "test/n1_x.jpg"]
    assert overlap(weights, names, {}) == ()
    (told,) = overlap(replace(weights, imagenet=True), names, {})
    assert told.code == "weights-imagenet-names"
    assert "2 of 3 test images" in told.sentence


def test_real_weights(shared_data):
    file = shared_data / "weights" / SQUEEZENET
    weights = starting_weights(str(file), "squeezenet1_1")
    assert (weights.foreign, weights.imagenet) == (True, True)
    with pytest.raises(UsageError, match="They fit squeezenet1_1 whole"):
        starting_weights(str(file))
    with pytest.raises(UsageError, match="They fit mobilenet_v2 and mobilenet_v2_same whole"):
        starting_weights(str(Path(file).with_name("mobilenet_v2-imagenet-from-qat.safetensors")))

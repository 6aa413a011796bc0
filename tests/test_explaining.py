"""Explanations by name: from pictures or arrays to maps, targets and pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import striate as st
from striate.errors import DataError, UnknownName, UsageError
from striate.explain import class_score, grad_cam
from striate.explaining import layer_path


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )
    preprocessing = st.Preprocessing(size=16, channels=3, mean=0.4, std=0.3)
    return st.Model(network, preprocessing=preprocessing, classes=("cat", "dog", "newt"))


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)


def test_the_answer_is_explained_where_no_target_is_named(model, pixels):
    explained = model.explain([Image.fromarray(one) for one in pixels])
    answers = model.predict([Image.fromarray(one) for one in pixels])
    assert explained.targets == tuple(answer.label for answer in answers)
    assert explained.answers.tolist() == [answer.probability for answer in answers]
    inputs = model.preprocessing([Image.fromarray(one) for one in pixels])
    numbers = [model.classes.index(name) for name in explained.targets]
    expected = grad_cam(model.network, inputs, class_score(numbers))
    torch.testing.assert_close(explained.maps, expected)
    assert np.array_equal(explained.pictures, pixels)  # what the network saw, to the pixel


def test_a_target_is_named_by_class_or_number(model, pixels):
    named = model.explain(pixels, target="newt")
    numbered = model.explain(pixels, target=2)
    each = model.explain(pixels, target=["newt", 2])
    assert named.targets == numbered.targets == each.targets == ("newt", "newt")
    assert torch.equal(named.maps, numbered.maps)
    assert torch.equal(named.maps, each.maps)
    other = model.explain(pixels, target=["cat", "newt"])
    assert torch.equal(other.maps[1], named.maps[1])
    assert not torch.equal(other.maps[0], named.maps[0])


def test_options_and_layer_reach_the_method(model, pixels):
    explained = model.explain(pixels, target=0, layer="0")
    assert explained.options == {"layer": "0"}
    assert not torch.equal(explained.maps, model.explain(pixels, target=0, layer="1").maps)
    assert explained.seconds > 0


@pytest.mark.parametrize("layer", ["stage2", "layer2", "features.stage2"])
def test_a_layer_of_the_zoo_is_found_by_its_name_its_other_name_and_its_path(layer):
    assert layer_path(st.zoo.create("striatenet"), layer) == "features.stage2"


@pytest.mark.parametrize("layer", ["", "stage9"])
def test_a_layer_that_the_zoo_does_not_know_is_named(layer):
    with pytest.raises(UnknownName, match=f"No layer is named '{layer}'"):
        layer_path(st.zoo.create("striatenet"), layer)


def test_pictures_are_drawn_and_saved(model, pixels, tmp_path):
    explained = model.explain(pixels)
    assert explained.overlay(1).shape == (16, 16, 3)
    assert explained.picture().size == (16 + 8 + 16, 16)
    explained.save(tmp_path / "both.png")
    with Image.open(tmp_path / "both.png") as drawn:
        assert drawn.size == (40, 16 + 8 + 16)
        assert np.array_equal(np.asarray(drawn)[:16, :16], pixels[0])
    assert [entry["target"] for entry in explained.to_json()] == list(explained.targets)
    assert repr(explained).startswith("Explanation(grad_cam, 2 × 16×16, ")


def test_a_regression_explains_its_number(pixels):
    network = nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1)
    )
    model = st.Model(network, task="regression", target_scale=(10.0, 2.0))
    explained = model.explain(pixels)
    assert explained.targets == ("the number", "the number")
    np.testing.assert_allclose(explained.answers, model.predict(pixels))


def test_one_band_and_four_bands_have_pictures():
    for bands in (1, 4):
        network = nn.Sequential(nn.Conv2d(bands, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        x = np.random.default_rng(1).random((2, 8, 8, bands))
        assert st.Model(network).explain(x).pictures.shape == (2, 8, 8, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"method": "grad_camm"}, UnknownName, "'grad_cam'"),
        ({"target": "dgo"}, UnknownName, "'dog'"),
        ({"target": 3}, UsageError, "0 to 2, got 3"),
        ({"target": [0]}, UsageError, "got 1 for 2"),
        ({"layer": "9"}, UnknownName, "No layer is named '9'"),
        ({"options": {"steps": 3}}, UsageError, "steps"),
    ],
)
def test_mistakes_are_named(model, pixels, arguments, error, said):
    with pytest.raises(error, match=said):
        model.explain(pixels, **arguments)


def test_files_need_preprocessing(model):
    model.preprocessing = None
    with pytest.raises(DataError, match="does not know how to read a picture"):
        model.explain("cat.jpg")


def test_a_file_that_is_no_picture_is_named(model, tmp_path):
    (tmp_path / "no.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"No picture could be read; .*no\.jpg"):
        model.explain(tmp_path / "no.jpg")


def test_quality_watches_the_probability_of_the_target(model, pixels):
    from striate.explain.quality import class_probability, deletion

    explained = model.explain(pixels, target="newt", quality=("deletion", "randomisation"))
    inputs = model.preprocessing([Image.fromarray(one) for one in pixels])
    expected = deletion(model.network, inputs, class_probability(2), explained.maps)
    np.testing.assert_allclose(explained.quality["deletion"], expected, rtol=1e-5)
    assert (explained.quality["deletion"] < 1).all()
    assert explained.quality["randomisation"].shape == (2,)
    assert explained.to_json()[1]["quality"]["deletion"] == explained.quality["deletion"][1]
    with pytest.raises(UnknownName, match="deletion"):
        model.explain(pixels, quality=("deletoin",))

"""The gallery of a model that names several labels: each class by its own maps."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate.errors import UsageError
from striate.tasks.explain_gallery import carry_out
from striate.tasks.explain_request import ExplainRequest

CLASSES = ("red", "green", "blue")
PLACES = {"red": (2, 2), "green": (20, 20)}  # top left, bottom right


def gallery(run, data, out, **options):
    return carry_out(
        ExplainRequest(run=str(run), gallery=str(data), out=out, device="cpu", **options)
    )


def patched(bright: dict[str, int]) -> Image.Image:
    """A black image with patches, as bright as it is said."""
    pixels = np.zeros((30, 30, 3), np.uint8)
    for name, value in bright.items():
        row, column = PLACES[name]
        pixels[row : row + 8, column : column + 8, CLASSES.index(name)] = value
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images by name, with labels that two of them belie."""
    root = tmp_path_factory.mktemp("several")
    both, labels = {"red": 250, "green": 250}, []
    made = {
        **{f"both{number}": (both, "red|green") for number in range(3)},
        "red": ({"red": 240}, "red"),
        "green": ({"green": 240}, "green"),
        "dim": ({"red": 120}, ""),  # just below one half
        "none": ({}, ""),
        "missed": ({"green": 230}, "red|green"),
        "false": ({"red": 230, "green": 230}, "green"),
    }
    for name, (bright, label) in made.items():
        patched(bright).save(root / f"{name}.png")
        labels.append((f"{name}.png", label))
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *labels])
    return root / "labels.csv"


@pytest.fixture(scope="module")
def colours(data):
    """A model file: a colour is there where its brightest pixel is above one half."""
    model = st.Sequential(
        [
            st.layers.Input((30, 30, 3)),
            st.layers.Conv2D(3, 1, activation="relu"),
            st.layers.GlobalMaxPooling2D(),
            st.layers.Dense(3, activation="sigmoid"),
        ]
    )
    weight, bias, head, threshold = model.network.parameters()
    with torch.no_grad():
        weight.copy_(torch.eye(3)[:, :, None, None])
        head.copy_(12 * torch.eye(3))
        bias.zero_()
        threshold.fill_(-6.0)
    model.preprocessing = st.Preprocessing(size=30, channels=3, mean=0.0, std=1.0)
    model.classes, model.task = CLASSES, "multi_label"
    return model.save(data.parent / "colours.safetensors")


@pytest.fixture(scope="module")
def found(colours, data, tmp_path_factory):
    return gallery(colours, data, tmp_path_factory.mktemp("page"), each=2)


def test_every_class_has_its_own_cases(found) -> None:
    red, green = found.classes
    assert [red["name"], green["name"]] == ["red", "green"]  # there is no blue
    assert [red[key] for key in ("images", "right", "others", "named_falsely")] == [5, 4, 4, 1]
    assert [green[key] for key in ("images", "right", "others", "named_falsely")] == [6, 6, 3, 0]
    assert [entry["means"]["images"] for entry in found.classes] == [5, 6]  # those that have it
    typical, wrong, torn = ([case["id"] for case in kind["cases"]] for kind in red["kinds"])
    assert typical == ["both0.png", "both1.png"]
    assert wrong == ["missed.png", "false.png"]
    assert torn[0] == "dim.png"
    missed, false = red["kinds"][1]["cases"]
    assert (missed["true"], missed["predicted"]) == (["red", "green"], ["green"])
    assert (false["true"], false["predicted"]) == (["green"], ["red", "green"])
    assert missed["probability"] == pytest.approx(torch.sigmoid(torch.tensor(-6.0)).item())


def test_maps_are_of_the_class_that_the_section_is_about(found) -> None:
    for entry in found.classes:
        cases = [case for kind in entry["kinds"] for case in kind["cases"]]
        assert {shown["target"] for case in cases for shown in case["maps"]} == {entry["name"]}
    red, green = found.sentences  # most images have both patches
    assert "“red” more than half of what speaks for it lies at the top left" in red
    assert "“green” more than half of what speaks for it lies at the bottom right" in green


def test_neighbours_show_their_labels(found) -> None:
    case = found.classes[0]["kinds"][0]["cases"][0]
    for near in ("neighbours", "near_pixels"):
        assert {each["id"] for each in case[near][:2]} == {"both1.png", "both2.png"}
        assert case[near][0]["class"] == ["red", "green"]
    page = found.path.read_text()
    assert "It answered all labels rightly on 7 of 9 images." in page
    assert "Found on 4 of 5 images that have it, and named falsely on 1 of the 4 others." in page


def test_what_has_no_classes_is_refused_with_a_way_out(data, tmp_path) -> None:
    model = st.Sequential([st.layers.Input((8, 8, 3)), st.layers.Flatten(), st.layers.Dense(1)])
    model.task = "regression"
    number = model.save(tmp_path / "number.safetensors")
    with pytest.raises(UsageError, match=r"answers with a number.*FILES"):
        gallery(number, data, tmp_path)
    model.task = "multi_label"
    nameless = model.save(tmp_path / "nameless.safetensors")
    with pytest.raises(UsageError, match=r"no names of classes.*model\.classes"):
        gallery(nameless, data, tmp_path)

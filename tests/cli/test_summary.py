"""`striate summary`."""

import json

import pytest
import torch
from torch import nn

import striate as st
from striate import zoo
from striate.cli import run


def test_an_architecture_by_name(capsys):
    assert run(["summary", "lenet5"]) == 0
    out = capsys.readouterr().out
    assert "input 32×32×1" in out
    assert "61,706" in out


def test_as_json_for_another_image(capsys):
    assert run(["summary", "striatenet", "--image-size", "64", "--classes", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["input_shape"]) == ("striatenet", [64, 64, 3])
    assert found["rows"][-1]["output_shape"] == [7]
    assert {"size", "jump", "start", "centre"} == set(found["rows"][0]["sight"][0])
    assert found["rows"][0]["activation_bytes"] == 64 * 64 * 32 * 4
    assert run(["summary", "lenet5", "--input", "28", "20", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["input_shape"] == [28, 20, 3]
    assert run(["summary", "lenet5", "--channels", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["input_shape"] == [32, 32, 3]


def test_an_object_that_is_too_large(capsys):
    assert run(["summary", "resnet18", "--object-size", "400"]) == 0
    assert "of an object of" not in capsys.readouterr().out
    assert run(["summary", "resnet18", "--object-size", "500"]) == 0
    assert "sees 435×435 of an object of 500×500 pixels. Add 2 layers" in capsys.readouterr().out


def test_a_drawing(capsys, tmp_path):
    assert run(["summary", "lenet5", "--svg", str(tmp_path / "net.svg")]) == 0
    assert f"Drawn: {tmp_path / 'net.svg'}" in capsys.readouterr().out
    assert "lenet5: input 32×32×1" in (tmp_path / "net.svg").read_text(encoding="utf-8")


def test_a_model_file_knows_its_images(capsys, tmp_path):
    network = zoo.create("striatenet", classes=3, channels=1, image_size=16)
    preprocessing = st.Preprocessing(size=16, channels=1)
    file = st.Model(network, preprocessing=preprocessing).save(tmp_path / "net.safetensors")
    assert run(["summary", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["input_shape"] == [16, 16, 1]
    assert found["weights"] == sum(weight.numel() for weight in network.parameters())


def test_a_model_file_without_a_size_needs_one(capsys, tmp_path):
    network = zoo.create("resnet18", classes=3)
    file = st.Model(network).save(tmp_path / "net.safetensors")
    assert run(["summary", str(file)]) == 1
    assert "--input HEIGHT WIDTH CHANNELS" in capsys.readouterr().err
    assert run(["summary", str(file), "--image-size", "96"]) == 0


def test_an_unknown_name(capsys):
    assert run(["summary", "resnet19"]) == 2
    error = capsys.readouterr().err
    assert "No architecture, run or model file is named 'resnet19'" in error
    assert "resnet18" in error


def test_model_summary_knows_that_its_last_softmax_is_its_own(capsys):
    layers = st.layers
    model = st.Sequential([layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(2, "softmax")])
    assert model.summary().warnings == ()
    foreign = st.Model(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Softmax(1)))
    (advice,) = foreign.summary((2, 2, 1)).warnings
    assert advice.code == "summary-softmax-twice"
    assert "ends in a softmax" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["lenet5", "resnet18"])
def test_no_memory_is_taken_for_weights(name, monkeypatch, capsys):
    made = []
    original = torch.nn.init.kaiming_uniform_
    monkeypatch.setattr(
        torch.nn.init,
        "kaiming_uniform_",
        lambda tensor, *args, **kwargs: made.append(tensor) or original(tensor, *args, **kwargs),
    )
    assert run(["summary", name]) == 0
    capsys.readouterr()
    assert made
    assert all(tensor.is_meta for tensor in made)

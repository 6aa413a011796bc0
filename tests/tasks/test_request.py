"""What can be asked: validated once, and told in the words of whoever asked."""

import pytest
import yaml
from pydantic import ValidationError

from striate.errors import UnknownName, UsageError
from striate.tasks.fields import ask
from striate.tasks.request import EvaluateRequest, PredictRequest, TrainRequest
from striate.training import Recipe


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "DATA is missing"),
        ({"data": 3}, "data: must be a text, got 3"),
        ({"data": "x", "epochs": 0}, "epochs: must be at least 1, got 0"),
        ({"data": "x", "epochs": 1.5}, "epochs: must be a whole number, got 1.5"),
        ({"data": "x", "learning_rate": "fast"}, "learning_rate: must be a number, got 'fast'"),
        ({"data": "x", "momentum": 1}, "momentum: must be below 1"),
        ({"data": "x", "erasing": 2}, "erasing: must be at most 1"),
        ({"data": "x", "weight_decay": float("nan")}, "weight_decay: must be finite, got nan"),
        ({"data": "x", "resume": "perhaps"}, "resume: must be true or false, got 'perhaps'"),
        ({"data": "x", "amp": "fp8"}, "amp: must be one of 'auto', 'off', 'bf16' or 'fp16'"),
        ({"data": "x", "val": 0.5, "test": 0.5}, "val and test are shares of the images"),
    ],
)
def test_a_broken_rule_is_named(values, words):
    with pytest.raises(UsageError, match=words):
        ask(TrainRequest, values)


def test_the_spelling_is_that_of_the_person():
    with pytest.raises(UsageError, match=r"^--epochs: must be"):
        ask(TrainRequest, {"data": "x", "epochs": 0}, lambda name: f"--{name}")


def test_unknown_options_get_the_nearest_name():
    with pytest.raises(UnknownName, match="Did you mean 'output_dir'"):
        ask(EvaluateRequest, {"run": "x", "outptu_dir": "y"})


def test_requests_do_not_change():
    with pytest.raises(ValidationError):
        PredictRequest(run="x").run = "y"


def test_what_is_recorded_can_be_asked_again():
    request = TrainRequest(data="x", epochs=3, background=(1, 2, 3), split="s.csv", resume=True)
    recorded = yaml.safe_load(yaml.safe_dump(request.recorded()))
    assert {"resume", "output_dir"}.isdisjoint(recorded)
    again = ask(TrainRequest, recorded)
    assert again == request.model_copy(update={"resume": False})


@pytest.mark.parametrize("kind", [TrainRequest, EvaluateRequest, PredictRequest, Recipe])
def test_every_field_says_what_it_is(kind):
    for name, field in kind.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "…")), name

"""Training and judging on arrays: what is learnt, what is told, what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from striate import Model, fitting, losses
from striate.compiling import compiled
from striate.errors import DataError, TrainingError, UnknownName, UsageError
from striate.fitting import evaluate_arrays

TASKS = {
    "categorical_crossentropy": "single_label",
    "binary_crossentropy": "multi_label",
    "mean_squared_error": "regression",
}


def rows(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Rows of four numbers in three classes that a line can part."""
    draw = np.random.default_rng(0)
    labels = np.arange(count) % 3
    return draw.normal(0, 0.2, (count, 4)) + np.eye(4)[labels], labels


def linear(outputs: int = 3, loss="categorical_crossentropy", **options) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Model(nn.Linear(4, outputs))
    model.compile(loss=loss, **{"learning_rate": 0.05, **options})
    return model


def fit(model: Model, *data, **options):
    return model.fit(*(data or rows()), **{"epochs": 2, "verbose": False, **options})


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "AdamW", "rmsprop", "adadelta"])
def test_every_optimizer_lowers_the_loss(optimizer):
    model = linear(optimizer=optimizer, learning_rate=None)
    losses = fit(model, epochs=20).history["loss"]
    assert losses[-1] < losses[0]


def test_the_history_is_that_of_the_epochs():
    x, y = rows()
    history = fit(linear(), x, y, epochs=3, validation_data=(x[:9], y[:9]))
    assert history.epoch == [0, 1, 2]
    assert {key: len(values) for key, values in history.history.items()} == {
        "loss": 3, "accuracy": 3, "val_loss": 3, "val_accuracy": 3,
    }  # fmt: skip


def test_the_last_row_of_the_history_is_what_evaluate_says():
    x, y = rows()
    model = linear()
    history = fit(model, x, y, validation_data=(x[:30], y[:30]))
    found = model.evaluate(x[:30], y[:30])
    assert found["loss"].value == history.history["val_loss"][-1]
    assert found["accuracy"].value == history.history["val_accuracy"][-1]


def test_the_loss_and_its_interval_are_those_of_the_definition():
    x, y = rows(20)
    model = linear()
    with torch.no_grad():
        logits = model.network(torch.tensor(x, dtype=torch.float32))
        each = nn.functional.cross_entropy(logits, torch.tensor(y), reduction="none").double()
    found = evaluate_arrays(model.network, model._compiled, torch.tensor(x).float(), y)
    spread = 1.96 * each.std().item() / 20**0.5
    assert found["loss"].value == pytest.approx(each.mean().item())
    assert found["loss"].low == pytest.approx(each.mean().item() - spread)
    assert found["accuracy"].value == (logits.argmax(1).numpy() == y).mean()
    assert found["accuracy"].n == 20


def test_the_same_seed_gives_the_same_weights():
    one, other, third = linear(), linear(), linear()
    fit(one, seed=3)
    fit(other, seed=3)
    fit(third, seed=4)
    assert torch.equal(one.network.weight, other.network.weight)
    assert not torch.equal(one.network.weight, third.network.weight)


def test_the_validation_share_is_drawn_with_every_class_in_proportion(monkeypatch):
    """Not the tail: labels in order would lose a class."""
    seen = {}

    def spy(network, how, ends, rows, resamples):
        seen["labels"] = rows.targets[0].tolist()
        return judged(network, how, ends, rows, resamples)

    judged = fitting._judged
    monkeypatch.setattr(fitting, "_judged", spy)
    x, y = rows()
    order = np.argsort(y, kind="stable")
    fit(linear(), x[order], y[order], validation_split=0.2)
    assert sorted(seen["labels"]) == [0] * 4 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("loss", TASKS)
def test_the_loss_says_what_the_outputs_are(loss):
    model = linear(loss=loss)
    assert model.task == TASKS[loss]


def test_several_labels():
    x, y = rows()
    several = np.stack([y == 0, y < 2], axis=1).astype(int)
    model = linear(2, "binary_crossentropy")
    fit(model, x, several, epochs=60)
    assert model.evaluate(x, several)["accuracy"].value > 0.95
    assert model.evaluate(x, several)["accuracy"].n == 120
    assert ((model.predict(x) > 0.5) == several).mean() > 0.95


@pytest.mark.parametrize("shape", [(60,), (60, 1)])
def test_numbers(shape):
    x, _ = rows()
    y = (x @ [1, 2, 3, 4]).reshape(shape)
    model = linear(1, losses.MeanSquaredError())
    assert set(fit(model, x, y, epochs=150).history) == {"loss"}
    assert model.evaluate(x, y)["loss"].value < 0.1
    assert model.predict(x).shape == (60,)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"optimizer": "adamm"}, UnknownName, "Did you mean 'adam'"),
        ({"loss": "categorical"}, UnknownName, "categorical_crossentropy"),
        ({"metrics": ["acuracy"]}, UnknownName, "Did you mean 'accuracy'"),
        ({"learning_rate": 0}, UsageError, "learning_rate must be above 0, got 0"),
    ],
)
def test_compile_names_what_it_does_not_know(arguments, kind, words):
    with pytest.raises(kind, match=words):
        linear(**arguments)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "fit: epochs = 0"),
        ({"batch_size": 0}, "batch_size"),
        ({"validation_split": 1.5}, "must be a fraction between 0 and 1, got 1.5"),
        ({"seed": -1}, "seed"),
    ],
)
def test_fit_refuses_settings_that_make_no_sense(options, words):
    with pytest.raises(UsageError, match=words):
        fit(linear(), **options)


def test_fit_and_evaluate_refuse_data_that_do_not_fit():
    x, y = rows()
    with pytest.raises(DataError, match="60 images in x and 5 labels in y") as caught:
        fit(linear(), x, y[:5])
    assert caught.value.code == "data-lengths"
    with pytest.raises(DataError, match="the labels run from 1 to 3"):
        linear().evaluate(x, y + 1)
    with pytest.raises(DataError, match="x is empty: there are no images"):
        fit(linear(), x[:0], y[:0])
    with pytest.raises(DataError, match="of 60 rows"):
        fit(linear(), x, y, validation_split=0.001)


def test_a_loss_that_is_no_number_stops_before_the_step():
    x, y = rows()
    model = linear()
    with torch.no_grad():
        model.network.weight.mul_(1e3)
    before = model.network.weight.clone()
    with pytest.raises(TrainingError, match="loss is nan"):
        fit(model, x * 1e37, y)
    assert torch.equal(model.network.weight, before)


def test_a_model_that_was_not_compiled_says_so():
    model = Model(nn.Linear(4, 3))
    for verb in (model.fit, model.evaluate):
        with pytest.raises(UsageError, match="no optimizer and loss yet") as caught:
            verb(*rows())
        assert caught.value.code == "model-not-compiled"


def test_plain_values_make_the_same_again():
    how = compiled("Adam", losses.CategoricalCrossentropy(label_smoothing=0.1), ["accuracy"], None)
    assert how.optimizer.learning_rate == 1e-3
    assert compiled(**how.to_json()) == how


def test_the_view_can_be_left_out(capfd):
    fit(linear())
    assert capfd.readouterr() == ("", "")
    fit(linear(), verbose=True)
    assert "epoch 2/2" in "".join(capfd.readouterr())

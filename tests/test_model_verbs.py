"""The verbs on functional, subclassed and listed models: fit, evaluate, predict, save, summary."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import striate as st
from striate import layers, losses, optimizers
from striate.errors import DataError, FileError, UsageError
from striate.files import canonical_json
from striate.model_file import read_model_file, write_model_file

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 90)
IMAGES = RNG.random((90, 8, 8, 1)).astype(np.float32)
IMAGES[np.arange(90), 1 + 2 * LABELS] += 1  # a bright row tells the class
FACTS = RNG.random((90, 5)).astype(np.float32)
AGES = FACTS @ np.arange(5) / 5


def functional():
    x = layers.Input((8, 8, 1))
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = layers.Add()([y, layers.Conv2D(8, 1)(x)])
    return st.Model(
        inputs=x,
        outputs=layers.Dense(3, activation="softmax", name="kind")(layers.Flatten()(y)),
        classes=["top", "middle", "bottom"],
    )


def listed():
    return st.Sequential(
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


class Subclassed(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(1, 8, 3)
        self.head = nn.Linear(8 * 36, 3)

    def forward(self, images):
        return self.head(self.features(images).relu().flatten(1))


MODELS = {"functional": functional, "listed": listed, "subclassed": lambda: st.Model(Subclassed())}


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_has_the_verbs(kind, tmp_path, capsys):
    torch.manual_seed(0)
    model = MODELS[kind]()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy", "f1"], learning_rate=0.01)
    history = model.fit(IMAGES, LABELS, epochs=12, validation_split=0.2, verbose=False).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy", "val_f1"}
    assert history["loss"][-1] < 0.2 < history["loss"][0]
    found = model.evaluate(IMAGES, LABELS)
    assert found["accuracy"].value > 0.9
    assert found["f1"].low < found["f1"].value <= found["f1"].high
    probabilities = model.predict(IMAGES)
    assert (probabilities.argmax(axis=1) == LABELS).mean() == pytest.approx(found["accuracy"].value)
    assert "Conv2d" in str(model.summary((8, 8, 1)))
    assert "conv" in capsys.readouterr().out.lower()

    file = model.save(tmp_path / "model.safetensors")
    again = st.load(file, network=Subclassed() if kind == "subclassed" else None)
    assert np.array_equal(again.predict(IMAGES), probabilities)
    assert again.evaluate(IMAGES, LABELS) == found
    again.fit(IMAGES, LABELS, epochs=1, verbose=False)


def test_functional_and_listed_models_agree():
    x = layers.Input((8, 8, 1))
    y = x
    for layer in listed().layers:
        y = layer(y)
    one = st.Model(inputs=x, outputs=y)
    other = listed()
    other._prepare(IMAGES)
    other.network.load_state_dict(one.network.state_dict())
    for model in (one, other):
        model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    rows = [m.fit(IMAGES, LABELS, epochs=2, verbose=False).history["loss"] for m in (one, other)]
    assert rows[0] == rows[1]
    assert np.array_equal(one.predict(IMAGES), other.predict(IMAGES))


def several():
    image, facts = layers.Input((8, 8, 1), name="image"), layers.Input((5,), name="facts")
    y = layers.Flatten()(layers.Conv2D(8, 3, activation="relu")(image))
    y = layers.Concatenate()([y, layers.Dense(6, activation="relu")(facts)])
    kind = layers.Dense(3, activation="softmax", name="kind")(y)
    return st.Model(inputs=[image, facts], outputs=[kind, layers.Dense(1, name="age")(y)])


def test_several_inputs_and_outputs(tmp_path):
    torch.manual_seed(0)
    model = several()
    both = ["sparse_categorical_crossentropy", "mse"]
    model.compile("adam", both, ["accuracy", "mae"], learning_rate=0.01)
    x, y = [IMAGES, FACTS], [LABELS, AGES]
    history = model.fit(x, y, epochs=12, validation_split=0.2, verbose=False).history
    assert set(history) == {
        "loss", "kind_accuracy", "val_loss", "val_kind_loss", "val_age_loss", "val_kind_accuracy",
        "val_age_mae",
    }  # fmt: skip
    found = model.evaluate(x, y)
    assert found["loss"].value == pytest.approx(
        found["kind_loss"].value + found["age_loss"].value, abs=1e-9
    )
    assert found["kind_accuracy"].value > 0.9
    kind, age = model.predict(x)
    assert (kind.shape, age.shape) == ((90, 3), (90,))
    np.testing.assert_allclose(kind.sum(axis=1), 1)
    assert np.abs(age - AGES).mean() == pytest.approx(found["age_mae"].value, abs=1e-5)
    again = st.load(model.save(tmp_path / "several.safetensors"))
    assert all(np.array_equal(a, b) for a, b in zip(again.predict(x), (kind, age), strict=True))


def test_the_summary_of_several_inputs(capsys):
    table = several().summary()
    assert table.weights == (9 * 8 + 8) + (5 * 6 + 6) + (294 * 3 + 3) + (294 + 1)
    assert [row.name for row in table.rows][-2:] == ["kind_softmax", "age"]
    assert not table.warnings
    assert "concatenate_1" in capsys.readouterr().out


def test_several_losses_are_summed_as_torch_would():
    torch.manual_seed(0)
    model = several()
    model.compile(optimizers.SGD(0.1), ["sparse_categorical_crossentropy", "mse"])
    images, facts = torch.from_numpy(IMAGES).permute(0, 3, 1, 2), torch.from_numpy(FACTS)
    logits, age = model.network.until(model.network.logits)(images, facts)
    expected = nn.functional.cross_entropy(logits, torch.from_numpy(LABELS))
    expected += nn.functional.mse_loss(age[:, 0], torch.from_numpy(AGES).float())
    history = model.fit([IMAGES, FACTS], [LABELS, AGES], batch_size=90, verbose=False).history
    assert history["loss"][0] == pytest.approx(expected.item(), rel=1e-5)


def test_the_order_of_losses_changes_no_number():
    """Each loss takes logits or the whole output by its own kind, whatever the first one takes."""

    def rows(turned):
        x = layers.Input((8, 8, 1))
        y = layers.Flatten()(x)
        ends = [layers.Dense(3, activation="softmax", name="kind")(y)]
        ends.append(layers.Dense(1, name="age")(y))
        both = ["sparse_categorical_crossentropy", "mse"]
        order = slice(None, None, -1 if turned else 1)
        model = st.Model(inputs=x, outputs=ends[order])
        weight = np.random.default_rng(0).normal(0, 0.1, (3, 64))
        with torch.no_grad():
            for tensor in model.network.parameters():
                tensor.fill_(0.01)
            model.network.kind.weight.copy_(torch.from_numpy(weight))
        model.compile("sgd", both[order])
        loss = model.fit(IMAGES, [LABELS, AGES][order], batch_size=90, verbose=False).history
        return loss["loss"][0], *model.predict(IMAGES)[order]

    for one, other in zip(rows(False), rows(True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (IMAGES, [LABELS, AGES], r"2 inputs; x must be a list of 2 arrays, got ndarray"),
        ([IMAGES], [LABELS, AGES], r"a list of 2 arrays, got 1\. x=\[input_1, input_2\]"),
        ([IMAGES, FACTS[:9]], [LABELS, AGES], "The inputs have 90 and 9 rows"),
        ([IMAGES, FACTS], LABELS, "2 outputs; y must be a list of 2 arrays, got ndarray"),
    ],
)
def test_the_wrong_number_of_arrays_is_told(x, y, message):
    model = several()
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(DataError, match=message):
        model.fit(x, y, verbose=False)


def test_the_wrong_number_of_losses_is_told():
    model = several()
    model.compile("sgd", ["mse", "mse", "mse"])
    with pytest.raises(UsageError, match="3 losses, and the network has 2 outputs"):
        model.fit([IMAGES, FACTS], [AGES, AGES], verbose=False)


def test_a_model_needs_a_network_or_both_ends():
    x = layers.Input((4,))
    for wrong in ({}, {"inputs": x}, {"network": x, "outputs": x}):
        with pytest.raises(UsageError, match=r"st\.Model\(inputs=x, outputs=y\)") as caught:
            st.Model(**wrong)
        assert caught.value.code == "model-no-network"


def test_numbers_keep_a_last_sigmoid_and_classes_leave_it_out():
    model = st.Sequential([layers.Input((5,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "mse")
    model.fit(FACTS, AGES, verbose=False)
    assert 0 < model.predict(FACTS).min() <= model.predict(FACTS).max() < 1
    model.compile("sgd", "binary_crossentropy")
    logits = model.logits_network(torch.from_numpy(FACTS)).sigmoid().detach().numpy()
    np.testing.assert_allclose(model.predict(FACTS), logits, atol=1e-6)


def test_numbers_may_come_in_rows():
    model = st.Sequential([layers.Input((5,)), layers.Dense(2)])
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse")
    y = np.stack([AGES, 2 * AGES], axis=1)
    assert model.fit(FACTS, y, epochs=40, verbose=False).history["loss"][-1] < 0.05
    assert model.predict(FACTS).shape == (90, 2)


def test_class_weights_are_keras_class_weights():
    torch.manual_seed(0)
    model = listed()
    model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model._prepare(IMAGES)
    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    logits = model.logits_network(torch.from_numpy(IMAGES).permute(0, 3, 1, 2))
    each = losses.get("sparse_categorical_crossentropy")(
        logits, torch.from_numpy(LABELS), from_logits=True
    )
    expected = (each * torch.tensor([weights[k] for k in LABELS.tolist()])).mean().item()
    history = model.fit(IMAGES, LABELS, batch_size=90, class_weight=weights, verbose=False).history
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_balanced_class_weights_find_the_rare_class():
    rare = np.concatenate([np.zeros(80, int), np.ones(10, int)])
    x = np.random.default_rng(1).normal(rare[:, None] * 1.0, 1, (90, 2)).astype(np.float32)
    recalls = []
    for weights in (None, "balanced"):
        torch.manual_seed(0)
        model = st.Sequential([layers.Input((2,)), layers.Dense(2)])
        model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        model.fit(x, rare, epochs=30, class_weight=weights, verbose=False)
        recalls.append((model.predict(x).argmax(1) == 1)[rare == 1].mean())
    assert recalls[1] > recalls[0] + 0.3


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({0: 1.0}, "no weight for class 1"),
        ({0: -1, 1: 1, 2: 1}, "weights of 0 or more"),
        ([1, 2, 3], "must map class numbers"),
    ],
)
def test_wrong_class_weights_are_told(weights, message):
    model = listed()
    model.compile()
    with pytest.raises(UsageError, match=message) as caught:
        model.fit(IMAGES, LABELS, class_weight=weights, verbose=False)
    assert caught.value.code == "train-class-weight"


def test_penalties_of_layers_are_part_of_the_loss():
    torch.manual_seed(0)
    dense = layers.Dense(3, kernel_regularizer="l2")
    model = st.Sequential([layers.Input((5,)), dense])
    plain = st.Sequential([layers.Input((5,)), layers.Dense(3)])
    plain.network.load_state_dict(model.network.state_dict())
    lost = []
    squares = model.network.dense_1.weight.square().sum().item()
    for one in (model, plain):
        one.compile(optimizers.SGD(1e-9), "sparse_categorical_crossentropy")
        history = one.fit(FACTS, LABELS, batch_size=90, verbose=False).history
        lost.append(history["loss"][0])
    assert lost[0] - lost[1] == pytest.approx(0.01 * squares, rel=1e-3)


def test_a_changed_graph_is_saved_as_foreign(tmp_path):
    model = functional()
    model.network.kind = nn.Linear(512, 4)
    with pytest.raises(FileError, match="holds the weights of a network of your own"):
        st.load(model.save(tmp_path / "model.safetensors"))


def rewritten(file, change):
    """The model file with another card, checksum and all, as an attacker would write it."""
    content, state = read_model_file(file)
    card = json.loads(canonical_json({k: v for k, v in content.items() if k != "format"}))
    change(card["architecture"])
    write_model_file(file, state, card)
    return file


def test_a_hostile_graph_takes_no_memory(tmp_path):
    file = functional().save(tmp_path / "model.safetensors")

    def huge(architecture):
        architecture["nodes"][1]["layer"]["filters"] = 10**8
        architecture["nodes"][2]["layer"]["filters"] = 10**8

    with pytest.raises(FileError) as caught:
        st.load(rewritten(file, huge))
    assert caught.value.code == "model-does-not-fit"

    def beyond(architecture):
        architecture["nodes"][-1]["layer"]["units"] = 10**18

    with pytest.raises(FileError) as caught:
        st.load(rewritten(functional().save(file), beyond))
    assert caught.value.code in ("model-does-not-fit", "model-bad-graph")


def test_a_hostile_list_of_layers_takes_no_memory(tmp_path):
    model = st.Sequential([layers.Input((5,)), layers.Dense(3)])
    file = model.save(tmp_path / "model.safetensors")

    def huge(architecture):
        architecture["layers"][1]["units"] = 10**11

    with pytest.raises(FileError) as caught:
        st.load(rewritten(file, huge))
    assert caught.value.code == "model-does-not-fit"

"""A model: any network, arrays and pictures in, names out, and the file that keeps it all."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from layers.examples import EXAMPLES, named
from small_pictures import picture
from striate import Model, Preprocessing, Sequential, layers, load, zoo
from striate.errors import DataError, FileError, ShapeError, UsageError
from striate.files import canonical_json
from striate.model_file import read_model_file, write_model_file

PREPROCESSING = Preprocessing(size=(12, 12), canvas=(14, 14), channels=3, mean=(0.4,), std=(0.3,))
COLOURS = ("blue", "green", "red")


def small_net(channels: int = 3, classes: int = 3) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(
            nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), *pool, nn.Linear(4, classes)
        )


@pytest.fixture
def model() -> Model:
    return Model(small_net(), preprocessing=PREPROCESSING, classes=COLOURS, temperature=1.7)


@pytest.fixture
def sequential() -> Sequential:
    return Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


def images(count: int = 6, shape=(8, 8, 1)) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, *shape))


# --- what comes in


def test_arrays_in_probabilities_out(model):
    tensor = torch.randn(5, 3, 12, 12)
    with torch.no_grad():
        expected = (model.network.eval()(tensor).double() / 1.7).softmax(dim=1).numpy()
    assert model.predict(tensor) == pytest.approx(expected)


def test_pictures_of_every_kind_give_the_same_answer(model, tmp_path):
    """A path, bytes, a Pillow image, an array, a folder, a glob, a list of them."""
    shown = picture("red", 1)
    shown.save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    expected = model.predict(str(path)).values
    pixels = np.asarray(shown)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    for one in (path, path.read_bytes(), shown, tmp_path, f"{tmp_path}/*.png", [path]):
        assert np.array_equal(model.predict(one).values, expected)
    for one in (pixels, pixels[None], tensor, tensor[None], [pixels], pixels / np.float32(255)):
        assert np.array_equal(model.predict(one), expected)
    assert np.array_equal(model.predict(PREPROCESSING([shown])), expected)


def test_arrays_of_several_sizes_are_pictures_too(model):
    shown = [np.asarray(picture("red", number)) for number in range(3)]
    together = model.predict(shown)
    assert together.shape == (3, 3)
    assert together[2] == pytest.approx(model.predict(shown[2])[0])


def test_predictions_have_names(model, tmp_path):
    picture("red", 1).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("words")
    found = model.predict(tmp_path)
    assert found.classes == COLOURS
    assert found[0].id.endswith("a.png")
    assert found[0].label in COLOURS
    assert [file.reason for file in found.unreadable] == ["not-an-image"]


def test_nobody_readable_gives_an_empty_answer(model, tmp_path):
    (tmp_path / "b.png").write_text("words")
    found = model.predict(tmp_path)
    assert (len(found), found.values.shape) == (0, (0, 3))


def test_grey_arrays_need_no_channel():
    grey = Model(small_net(1), preprocessing=Preprocessing(size=8, channels=1))
    one = np.arange(64, dtype=np.uint8).reshape(8, 8)
    alone = grey.predict(one)
    assert alone.shape == (1, 3)
    assert np.array_equal(grey.predict(one[None]), alone)
    assert np.array_equal(grey.predict(one[None, :, :, None]), alone)


@pytest.mark.parametrize("count", [1, 63, 64, 65])
def test_batches_do_not_show(count):
    model = Model(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    x = images(count, (2, 2, 1))
    assert model.predict(x) == pytest.approx(np.concatenate([model.predict(r[None]) for r in x]))


def test_the_network_keeps_its_mode(model):
    model.network.train()
    model.predict(torch.randn(2, 3, 12, 12))
    assert model.network.training


def test_a_model_without_preprocessing_reads_no_files():
    with pytest.raises(DataError, match="does not know how to read a picture") as caught:
        Model(small_net()).predict("cat.jpg")
    assert caught.value.code == "model-no-preprocessing"


@pytest.mark.parametrize("given", [None, 5, [3], [None]])
def test_what_is_no_picture_is_refused(model, given):
    with pytest.raises(UsageError, match="A path, bytes or a Pillow image is needed, got"):
        model.predict(given)


def test_a_wrong_shape_names_both_shapes(sequential):
    with pytest.raises(ShapeError, match=r"shape \(8, 8, 1\), got images of shape \(9, 8, 1\)"):
        sequential.predict(images(2, (9, 8, 1)))
    with pytest.raises(ShapeError, match=r"x is one image of shape \(8, 8, 1\).*x\[None\]"):
        sequential.predict(images(1)[0])

    with pytest.raises(ShapeError, match=r"x is one image of shape \(1, 8, 8\).*x\[None\]"):
        sequential.predict(torch.zeros(1, 8, 8))


def test_names_of_files_are_no_arrays(model):
    model.compile()
    with pytest.raises(DataError, match="Read the files first") as caught:
        model.fit(["a.png", "b.png"], [0, 1], verbose=False)
    assert caught.value.code == "data-not-numbers"


def test_pictures_are_learnt_as_they_are_predicted():
    """uint8 arrays go through the preprocessing in fit and evaluate as in predict."""
    x = np.stack([np.asarray(picture(c, 20 * n)) for n in range(8) for c in COLOURS])
    y = np.arange(24) % 3
    one = Model(small_net(), preprocessing=PREPROCESSING)
    other = Model(small_net(), preprocessing=PREPROCESSING)
    for model, data in ((one, x), (other, PREPROCESSING(list(x)))):
        model.compile(optimizer="adam", learning_rate=0.01)
        model.fit(data, y, epochs=2, verbose=False, validation_data=(data, y))
    assert np.array_equal(one.predict(x), other.predict(x))
    assert one.evaluate(x, y) == other.evaluate(PREPROCESSING(list(x)), y)


# --- what is refused


def test_a_model_takes_a_module_and_distinct_classes():
    with pytest.raises(UsageError, match=r"takes a torch.nn.Module, .* got str"):
        Model("resnet18")
    with pytest.raises(UsageError, match="Class names repeat"):
        Model(nn.Identity(), classes=["a", "a"])


def test_it_says_what_it_is(model, sequential):
    assert repr(model) == "Model(Sequential, input 12×12×3, 3 classes)"
    assert repr(sequential) == "Sequential(7 layers, input 8×8×1)"


# --- layers


def test_a_wrong_layer_fails_when_it_is_added(sequential):
    before = list(sequential.layers)
    with pytest.raises(ShapeError, match=r"Layer 8 \(conv2d_2\)"):
        sequential.add(layers.Conv2D(3, 3))
    assert sequential.layers == before
    assert sequential.predict(images()).shape == (6, 3)


def test_the_shape_may_come_with_the_first_array():
    model = Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")])
    with pytest.raises(ShapeError, match="before the shape of its input is known"):
        model.predict(images())
    with pytest.raises(ShapeError, match="needs the shape of an image"):
        model.summary()
    model.compile()
    model.fit(images(), [0, 1, 2, 0, 1, 2], verbose=False)
    assert model.input_shape == (8, 8, 1)
    assert model.predict(images()).shape == (6, 3)


def test_softmax_is_applied_once(sequential):
    x = images()
    with torch.no_grad():
        expected = sequential.network.eval()(torch.tensor(x).permute(0, 3, 1, 2).float())
    assert sequential.predict(x) == pytest.approx(expected.numpy(), abs=1e-6)


def test_a_sigmoid_of_a_number_stays():
    """Only with binary cross-entropy is it the loss's own; with squared errors it is a layer."""
    model = Sequential([layers.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile(loss="mean_squared_error")
    assert len(model.logits_network) == 2
    x = images(20, (4,))
    assert ((model.predict(x) > 0) & (model.predict(x) < 1)).all()
    model.compile(loss="binary_crossentropy")
    assert len(model.logits_network) == 1


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("kind", ["list", "graph"])
def test_what_a_model_says_before_it_is_compiled_is_what_its_last_layer_gives(kind, units):
    """A sigmoid takes each output for itself; over one unit a softmax would always say 1."""
    x = images(20, (4,))
    start = layers.Input((4,))
    last = layers.Dense(units, activation="sigmoid")
    model = Model(inputs=start, outputs=last(start)) if kind == "graph" else Sequential([last])
    if kind == "list":
        model.build((4,))
    assert model.task == "multi_label"
    with torch.no_grad():
        expected = model.network(torch.tensor(x).float()).numpy()
    assert model.predict(x) == pytest.approx(expected, abs=1e-6)
    assert expected.std() > 0.01
    model.task = "single_label"
    assert model.predict(x).sum(axis=1) == pytest.approx(1)


def test_a_loss_outranks_the_last_layer_and_a_layer_that_is_added_tells_anew(tmp_path):
    model = Sequential([layers.Input((4,)), layers.Dense(2, activation="sigmoid")])
    saved = load(model.save(tmp_path / "m"))
    assert saved.task == "multi_label"
    assert np.array_equal(saved.predict(images(6, (4,))), model.predict(images(6, (4,))))
    model.add(layers.Dense(3, activation="softmax"))
    assert model.task == "single_label"
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="mse")
    assert model.task == "regression"


def test_one_sigmoid_tells_two_classes():
    x = images(64, (4,))
    y = (x[:, 0] > 0).astype(int)
    model = Sequential([layers.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", learning_rate=0.1)
    model.fit(x, y, epochs=40, verbose=False)
    assert model.evaluate(x, y)["accuracy"].value > 0.95
    assert ((model.predict(x)[:, 0] > 0.5) == y).mean() > 0.95


def test_an_activation_and_a_loss_that_do_not_go_together():
    model = Sequential([layers.Input((4,)), layers.Dense(2, activation="sigmoid")])
    model.compile(loss="categorical_crossentropy")
    with pytest.raises(UsageError, match="dense_1: sigmoid takes each output for itself"):
        model.fit(images(4, (4,)), [0, 1, 0, 1])


def test_the_seed_fixes_the_first_weights():
    def weights(**options):
        return Sequential([layers.Input((4,)), layers.Dense(3)], **options).network[0].weight

    state = torch.get_rng_state()

    def drawn(**options):
        x = layers.Input((4,))
        return Model(inputs=x, outputs=layers.Dense(3)(x), **options).network.dense_1.weight

    for made in (weights, drawn):
        assert torch.equal(made(), made())
        assert not torch.equal(made(), made(seed=1))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_training_goes_on_where_it_was(sequential):
    x, y = images(30), np.arange(30) % 3
    sequential.compile(learning_rate=0.01)
    first = sequential.fit(x, y, epochs=5, verbose=False).history["loss"]
    second = sequential.fit(x, y, epochs=5, verbose=False).history["loss"]
    assert second[-1] < first[-1]


# --- the file


def test_layers_come_back_with_everything(sequential, tmp_path):
    x, y = images(12), np.arange(12) % 3
    sequential.compile(optimizer="rmsprop", loss="categorical_crossentropy", learning_rate=0.02)
    sequential.fit(x, y, verbose=False)
    again = load(sequential.save(tmp_path / "m.safetensors"))
    assert isinstance(again, Sequential)
    assert again.layers == sequential.layers
    assert np.array_equal(again.predict(x), sequential.predict(x))
    assert again.evaluate(x, y) == sequential.evaluate(x, y)
    assert again.fit(x, y, verbose=False).history == sequential.fit(x, y, verbose=False).history


def test_layers_whose_shape_came_with_the_data(tmp_path):
    model = Sequential([layers.Dense(3, activation="softmax")])
    model.compile()
    model.fit(images(6, (4,)), [0, 1, 2, 0, 1, 2], verbose=False)
    again = load(model.save(tmp_path / "m"))
    assert again.input_shape == (4,)
    assert np.array_equal(again.predict(images(6, (4,))), model.predict(images(6, (4,))))


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_every_layer_comes_back_whole(example, tmp_path):
    """Nothing is left on the meta device, where the file's network is built."""
    layer, shape = example
    start = [] if layer.kind == "Input" else [layers.Input(shape)]
    model = Sequential([*start, layer])
    model.task = "regression"
    again = load(model.save(tmp_path / "m"))
    x = images(3, shape)
    assert np.array_equal(again.predict(x), model.predict(x))
    assert all(weight.requires_grad for weight in again.network.parameters())


def test_a_graph_with_everything_comes_back(tmp_path):
    x = layers.Input((12, 12, 3))
    y = layers.Add()([layers.Conv2D(4, 3, padding="same")(x), layers.Conv2D(4, 1)(x)])
    y = layers.Dense(3, activation="softmax")(layers.Flatten()(y))
    model = Model(inputs=x, outputs=y, preprocessing=PREPROCESSING, classes=COLOURS)
    model.compile(learning_rate=0.01)
    shown = np.stack([np.asarray(picture(c, 20 * n)) for n in range(4) for c in COLOURS])
    model.fit(shown, np.arange(12) % 3, verbose=False, validation_data=(shown, np.arange(12) % 3))
    again = load(model.save(tmp_path / "m"))
    assert (again.preprocessing, again.classes) == (model.preprocessing, model.classes)
    assert np.array_equal(again.predict(shown), model.predict(shown))
    assert again.evaluate(shown, np.arange(12) % 3) == model.evaluate(shown, np.arange(12) % 3)


def test_volumes_are_learnt_and_kept(tmp_path):
    model = Sequential(
        [layers.Input((4, 5, 6, 1)), layers.Conv3D(2, 3), layers.Flatten(), layers.Dense(2)]
    )
    model.compile(learning_rate=0.01)
    x, y = images(8, (4, 5, 6, 1)), np.arange(8) % 2
    losses = model.fit(x, y, epochs=9, verbose=False).history["loss"]
    assert losses[-1] < losses[0]
    assert np.array_equal(load(model.save(tmp_path / "m")).predict(x), model.predict(x))


@pytest.mark.parametrize("name", ["lenet5", "striatenet"])
def test_a_network_of_the_zoo_comes_back(name, tmp_path):
    network = zoo.create(name, classes=3, channels=3, image_size=(20, 18))
    preprocessing = Preprocessing(size=(20, 18), channels=3)
    model = Model(
        network, preprocessing=preprocessing, classes=COLOURS, temperature=1.3,
        provenance={"data": "colours"},
    )  # fmt: skip
    again = load(model.save(tmp_path / "m.safetensors"))
    shown = [picture("red", number) for number in range(3)]
    assert np.array_equal(again.predict(shown).values, model.predict(shown).values)
    for name in ("classes", "preprocessing", "temperature", "task", "target_scale", "provenance"):
        assert getattr(again, name) == getattr(model, name)
    assert all(weight.requires_grad for weight in again.network.parameters())


def test_numbers_come_back_in_their_unit(tmp_path):
    model = Model(nn.Linear(4, 1), task="regression", target_scale=(100.0, 20.0))
    x = images(5, (4,))
    with torch.no_grad():
        expected = model.network(torch.tensor(x).float())[:, 0].double() * 20 + 100
    assert model.predict(x) == pytest.approx(expected.numpy())
    again = load(model.save(tmp_path / "m"), network=nn.Linear(4, 1))
    assert np.array_equal(again.predict(x), model.predict(x))


def test_a_network_of_ones_own_comes_back_around_another(model, tmp_path):
    file = model.save(tmp_path / "m.safetensors")
    with pytest.raises(FileError, match=r"network of your own, Sequential.*network=Sequential"):
        load(file)
    again = load(file, network=small_net())
    x = torch.randn(4, 3, 12, 12)
    assert np.array_equal(again.predict(x), model.predict(x))
    with pytest.raises(FileError, match="do not fit the network") as caught:
        load(file, network=small_net(classes=5))
    assert caught.value.code == "model-does-not-fit"


def test_a_changed_network_of_the_zoo_counts_as_ones_own(tmp_path):
    network = zoo.create("lenet5", classes=3, channels=1)
    network.head[-1] = nn.Linear(84, 7)
    file = Model(network).save(tmp_path / "m")
    with pytest.raises(FileError, match="of your own"):
        load(file)


def test_a_run_folder_is_a_place_too(trained):
    assert load(trained.folder).classes == trained.model.classes


CARD = {
    "architecture": {"kind": "layers", "layers": [], "input_shape": [4]}, "task": "single_label",
    "classes": ["a"], "preprocessing": None, "temperature": 1.0, "target_scale": [0.0, 1.0],
    "compiled": None, "provenance": {},
}  # fmt: skip
DENSE = layers.Dense(3).to_json()


def graph_of(units: int) -> dict[str, object]:
    first = {"name": "x", "inputs": [], "layer": layers.Input((4,), name="x").to_json()}
    dense = {"name": "d", "inputs": ["x"], "layer": {**DENSE, "units": units, "name": "d"}}
    return {"nodes": [first, dense], "inputs": ["x"], "outputs": ["d"]}


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": {"kind": "zoo"}},
        {"architecture": {"kind": "zoo", "name": "os.system", "classes": 3}},
        {"architecture": {"kind": "zoo", "name": "lenet5", "classes": -3}},
        {"architecture": {"kind": "zoo", "name": "lenet5", "classes": 10**9, "image_size": 10**6}},
        {"architecture": {"kind": "zoo", "name": "lenet5", "classes": 3, "code": "print()"}},
        {"architecture": {"kind": "exec", "class": "x"}},
        {"architecture": {"kind": "layers", "layers": [{"kind": "Lambda"}], "input_shape": [4]}},
        {"architecture": {"kind": "layers", "layers": [DENSE], "input_shape": [10**12]}},
        {"architecture": {"kind": "layers", "layers": [DENSE], "input_shape": "4"}},
        {"architecture": {"kind": "graph"}},
        {"architecture": {"kind": "graph", "nodes": [], "inputs": [], "outputs": []}},
        {"architecture": {"kind": "graph", "nodes": [7], "inputs": ["x"], "outputs": ["x"]}},
        {"architecture": {"kind": "graph", **graph_of(10**30)}},
        {"architecture": []},
        {"task": "anything"},
        {"temperature": "hot"},
        {"target_scale": [1]},
        {"classes": 3},
        {"provenance": 3},
        {"preprocessing": {"size": 3}},
        {"preprocessing": [1]},
        {"compiled": {"optimizer": "adam"}},
        {"compiled": {"optimizer": "exec", "loss": {}, "metrics": [], "learning_rate": 1}},
    ],
    ids=lambda change: json.dumps(change)[:50],
)
def test_a_file_that_describes_nonsense_is_refused(change, tmp_path):
    """The checksum is right: whoever wrote it meant it."""
    write_model_file(tmp_path / "m", {"weight": torch.zeros(3)}, {**CARD, **change})
    with pytest.raises(FileError) as caught:
        load(tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)


@pytest.mark.parametrize("key", CARD)
def test_a_card_without_a_part_is_refused(key, tmp_path):
    left = {name: value for name, value in CARD.items() if name != key}
    write_model_file(tmp_path / "m", {}, left)
    with pytest.raises(FileError, match=f"describes no model.*{key}"):
        load(tmp_path / "m")


def test_a_card_is_plain_values(model, tmp_path):
    card, _ = read_model_file(model.save(tmp_path / "m"))
    assert canonical_json(card)
    assert card["architecture"] == {"kind": "foreign", "class": "Sequential"}


def test_saving_where_nothing_can_be_written(model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="Cannot write") as caught:
        model.save(tmp_path / "file" / "m.safetensors")
    assert caught.value.code == "file-cannot-write"

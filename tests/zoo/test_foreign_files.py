"""Files of weights by others: what each program writes is read alike, and nothing bad gets in."""

import builtins
import io
import json
import zipfile
from contextlib import suppress

import pytest
import torch
from safetensors.torch import save_file

from striate import zoo
from striate.errors import FileError, UsageError
from striate.zoo.foreign._files import read_foreign
from zoo.parity import keras_network, torchvision_network

h5py = pytest.importorskip("h5py", reason="H5PY ABSENT: pip install 'striate[keras]'")
TENSORS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "norm.running_var": torch.ones(2)}
KERNEL = torch.arange(54.0).reshape(3, 3, 2, 3)
KERAS = {
    "conv2d.kernel": KERNEL,
    "second.kernel": KERNEL + 2,
    "mixing.depthwise_kernel": KERNEL + 1,
    "mixing.pointwise_kernel": torch.ones(1, 1, 6, 4),
    "batch_normalization.beta": torch.full((4,), 2.0),
    "batch_normalization.moving_mean": torch.full((4,), 3.0),
    "batch_normalization.moving_variance": torch.full((4,), 4.0),
    "head.kernel": torch.ones(4, 5),
    "head.bias": torch.zeros(5),
}
NUMBERED = {  # the layer and the number of each of them in Keras 3
    "conv2d.kernel": ("conv2d", 0),
    "second.kernel": ("conv2d_1", 0),
    "mixing.depthwise_kernel": ("separable_conv2d", 0),
    "mixing.pointwise_kernel": ("separable_conv2d", 1),
    "batch_normalization.beta": ("batch_normalization", 0),
    "batch_normalization.moving_mean": ("batch_normalization", 1),
    "batch_normalization.moving_variance": ("batch_normalization", 2),
    "head.kernel": ("dense", 0),
    "head.bias": ("dense", 1),
}


def same(found, expected):
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], tensor) for name, tensor in expected.items()
    )


def write_by_name(path, inside=None, first=0):
    """As Keras 1 and 2 write: a group for each layer; `first` is where they began to count."""
    with h5py.File(path, "w") as file:
        group = file.create_group(inside) if inside else file
        for name, tensor in KERAS.items():
            layer, _, variable = name.partition(".")
            if layer in ("conv2d", "batch_normalization") and first:
                layer = f"{layer}_{first}"
            group[f"{layer}/{layer}/{variable}:0"] = tensor.numpy()
        file["optimizer_weights/Adam/conv2d/kernel/m:0"] = KERNEL.numpy()


def write_by_number(path, named=True):
    """As Keras 3 writes: groups numbered within a class of layers."""
    with h5py.File(path, "w") as file:
        for name, tensor in KERAS.items():
            group, number = NUMBERED[name]
            variables = file.require_group(f"layers/{group}/vars")
            variables[str(number)] = tensor.numpy()
            if named:
                variables.attrs["name"] = name.partition(".")[0]
        file["optimizer/vars/0"] = KERNEL.numpy()
        file["layers/dropout/seed_generator/vars/0"] = [1, 2]


def write_archive(path, tmp_path, named):
    write_by_number(tmp_path / "inner.h5", named)
    kinds = [("Conv2D", "conv2d"), ("Dropout", "dropout"), ("Conv2D", "second")]
    kinds += [("SeparableConv2D", "mixing"), ("BatchNormalization", "batch_normalization")]
    layers = [
        {"class_name": kind, "config": {"name": name}} for kind, name in [*kinds, ("Dense", "head")]
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))
        archive.write(tmp_path / "inner.h5", "model.weights.h5")


def test_safetensors(tmp_path):
    save_file(TENSORS, tmp_path / "weights.bin")
    assert same(read_foreign(tmp_path / "weights.bin"), TENSORS)


@pytest.mark.parametrize(
    "saved",
    [
        TENSORS,
        {"state_dict": TENSORS, "epoch": 3, "best": torch.tensor(0.9)},
        {"model": TENSORS, "args": {"lr": 0.1}},
        {"model": {"state_dict": TENSORS}},
    ],
    ids=["bare", "state_dict", "model", "nested"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts_of_torch(tmp_path, saved, zipped):
    torch.save(saved, tmp_path / "x.th", _use_new_zipfile_serialization=zipped)
    found = read_foreign(tmp_path / "x.th")
    assert same({k: v for k, v in found.items() if k in TENSORS}, TENSORS)
    assert "epoch" not in found


@pytest.mark.parametrize("inside", [None, "model_weights"])
@pytest.mark.parametrize("first", [0, 7])
def test_layers_by_name(tmp_path, inside, first):
    write_by_name(tmp_path / "x.h5", inside, first)
    if inside is None:
        with h5py.File(tmp_path / "x.h5", "a") as file:
            del file["optimizer_weights"]
    assert same(read_foreign(tmp_path / "x.h5"), KERAS)


def test_layers_by_number(tmp_path):
    write_by_number(tmp_path / "x.weights.h5")
    assert same(read_foreign(tmp_path / "x.weights.h5"), KERAS)


@pytest.mark.parametrize("named", [True, False])
def test_archives(tmp_path, named):
    write_archive(tmp_path / "x.keras", tmp_path, named)
    assert same(read_foreign(tmp_path / "x.keras"), KERAS)


def test_numbers_without_names_are_refused(tmp_path):
    write_by_number(tmp_path / "x.weights.h5", named=False)
    with pytest.raises(FileError, match=r"numbers and no names.*model\.save") as caught:
        read_foreign(tmp_path / "x.weights.h5")
    assert caught.value.code == "zoo-file-no-layer-names"


def test_a_link_to_another_file_is_not_followed(tmp_path):
    write_by_name(tmp_path / "secret.h5")
    write_by_name(tmp_path / "x.h5", "model_weights")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["model_weights/stolen"] = h5py.ExternalLink(tmp_path / "secret.h5", "/head")
    assert same(read_foreign(tmp_path / "x.h5"), KERAS)


def test_values_in_another_file_are_not_read(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret!!")
    write_by_name(tmp_path / "x.h5", "model_weights")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        outside = [(str(tmp_path / "secret"), 0, 8)]
        file.create_dataset("model_weights/a/a/kernel:0", (2,), "float32", external=outside)
    assert same(read_foreign(tmp_path / "x.h5"), KERAS)


def test_layers_without_names_are_counted_from_none(tmp_path):
    numbers = [94, 9, 95, 100, 10]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for number in numbers:
            file[f"conv2d_{number}/conv2d_{number}/kernel:0"] = [float(number)]
        file["conv2d_last/conv2d_last/kernel:0"] = [0.0]
    found = read_foreign(tmp_path / "x.h5")
    assert {name: tensor.item() for name, tensor in found.items()} == {
        "conv2d.kernel": 9,
        "conv2d_1.kernel": 10,
        "conv2d_2.kernel": 94,
        "conv2d_3.kernel": 95,
        "conv2d_4.kernel": 100,
        "conv2d_last.kernel": 0,
    }


def test_a_claim_to_fill_the_memory_is_refused(tmp_path):
    write_by_name(tmp_path / "x.h5", "model_weights")
    with h5py.File(tmp_path / "x.h5", "a") as file:
        size = (1 << 20, 1 << 20)
        file.create_dataset("model_weights/a/a/kernel:0", size, "float32", chunks=(64, 64))
    with pytest.raises(FileError, match=r"claims 4,398,046,511,104 bytes"):
        read_foreign(tmp_path / "x.h5")


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (builtins.open, (str(self.path), "w"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(tmp_path, zipped):
    victim = tmp_path / "written-by-a-pickle"
    torch.save(
        {"w": torch.ones(1), "trap": Trap(victim)},
        tmp_path / "x.pth",
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(FileError, match=r"x\.pth.*nothing in it was run.*state_dict") as caught:
        read_foreign(tmp_path / "x.pth")
    assert caught.value.code == "zoo-file-no-state-dict"
    assert not victim.exists()


@pytest.mark.parametrize("saved", [[torch.ones(1)], {"epoch": 3}, torch.ones(2)])
def test_no_tensors_by_name(tmp_path, saved):
    torch.save(saved, tmp_path / "x.pth")
    with pytest.raises(FileError, match="without tensors by name"):
        read_foreign(tmp_path / "x.pth")


def whole_files(folder):
    folder.mkdir()
    save_file(TENSORS, folder / "a.safetensors")
    torch.save(TENSORS, folder / "b.pth")
    torch.save(TENSORS, folder / "c.th", _use_new_zipfile_serialization=False)
    write_by_name(folder / "d.h5", "model_weights")
    write_by_number(folder / "e.weights.h5")
    write_archive(folder / "f.keras", folder, named=True)
    return sorted(folder.glob("[a-f].*"))


def test_files_cut_off_anywhere_are_refused(tmp_path):
    for path in whole_files(tmp_path / "whole"):
        content = path.read_bytes()
        for share in (0, 0.002, 0.1, 0.5, 0.9, 0.999):
            cut = tmp_path / path.name
            cut.write_bytes(content[: int(share * len(content))])
            with pytest.raises(FileError) as caught:
                read_foreign(cut)
            assert str(cut) in str(caught.value)
            assert caught.value.fix
            assert caught.value.code == "zoo-file-empty" or share > 0


def test_flipped_bytes_give_no_foreign_exception(tmp_path):
    """What is flipped within a tensor cannot be known; all else is an error of ours."""
    for path in whole_files(tmp_path / "whole"):
        content = path.read_bytes()
        for place in range(0, len(content), max(1, len(content) // 40)):
            spoilt = bytearray(content)
            spoilt[place] ^= 0xFF
            (tmp_path / path.name).write_bytes(spoilt)
            with suppress(FileError):
                read_foreign(tmp_path / path.name)


def test_other_files(tmp_path):
    (tmp_path / "page.h5").write_text("<html>Not found</html>")
    with pytest.raises(FileError, match="holds no weights that can be read") as caught:
        read_foreign(tmp_path / "page.h5")
    assert caught.value.code == "zoo-file-unknown"
    with pytest.raises(FileError, match=r"Cannot read .*nowhere\.pth: No such file") as caught:
        read_foreign(tmp_path / "nowhere.pth")
    assert caught.value.code == "zoo-file-cannot-read"
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["what"] = "no layers"
    with pytest.raises(FileError, match="without layers of Keras"):
        read_foreign(tmp_path / "x.h5")


def test_without_h5py_it_says_what_to_install(tmp_path, monkeypatch):
    write_by_name(tmp_path / "x.h5")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(UsageError, match=r"pip install 'striate\[keras\]'"):
        read_foreign(tmp_path / "x.h5")


def test_a_local_file_fills_a_network(tmp_path):
    peer = torchvision_network("resnet18")
    torch.save({"state_dict": peer.state_dict()}, tmp_path / "x.pth")
    network = zoo.create("resnet18")
    report = zoo.load_foreign(network, str(tmp_path / "x.pth"), source="torchvision")
    assert report.fresh == report.unused == ()
    assert torch.equal(network.head.linear.weight, peer.fc.weight)
    with pytest.raises(FileError, match=r"not those of resnet34.*nothing was changed"):
        zoo.load_foreign(zoo.create("resnet34"), tmp_path / "x.pth")


def take_away_names(path):
    """Make the archive one of the older Keras 3, which left names to the description."""
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        for group in file["layers"].values():
            del group["vars"].attrs["name"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights.getvalue())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in Keras
@pytest.mark.parametrize(
    ("name", "builder", "options"),
    [("mobilenet_v1_0.25", "MobileNet", {"alpha": 0.25}), ("xception", "Xception", {})],
)
def test_what_keras_saves_gives_its_answers(tmp_path, name, builder, options):
    peer = keras_network(builder, input_shape=(96, 96, 3), **options)
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        theirs = peer(images)
    for suffix in (".keras", ".h5", ".weights.h5"):
        path = tmp_path / f"x{suffix}"
        (peer.first.save_weights if "weights" in suffix else peer.first.save)(path)
        if suffix == ".keras":
            take_away_names(path)
        network = zoo.create(name).eval()
        report = zoo.load_foreign(network, path)
        assert report.source == "keras"
        assert report.fresh == report.unused == ()
        with torch.no_grad():
            torch.testing.assert_close(network(images), theirs, rtol=0, atol=1e-4)

"""Weights out of the files of Keras, as "layer.kernel" tensors.

Three layouts: HDF5 with a group for each layer by its name (Keras 1 and 2, and .h5 of Keras 3);
HDF5 with groups numbered within each class of layers (.weights.h5 of Keras 3); and a zip archive of
the latter with a description of the layers (.keras).
"""

import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from striate.errors import FileError, UsageError

if TYPE_CHECKING:
    import h5py

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
STATISTICS = ("moving_mean", "moving_variance")
KERNEL = ("kernel", "bias")
VARIABLES = {  # class of layer -> its variables in the order of Keras 3
    "dense": KERNEL,
    "conv2d": KERNEL,
    "conv2d_transpose": KERNEL,
    "depthwise_conv2d": KERNEL,
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "batch_normalization": ("gamma", "beta", *STATISTICS),
    "layer_normalization": ("gamma", "beta"),
    "layer_scale": ("gamma",),
    "normalization": ("mean", "variance", "count"),
}
EXPANDED = 1000  # no compression of weights saves more; what claims more would fill the memory
COUNTED = re.compile(
    r"(conv2d|separable_conv2d|depthwise_conv2d|batch_normalization|dense)(?:_(\d+))?"
)


def read_keras_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of an .h5 or .weights.h5 file.

    Raises:
        FileError: the layers have no names in it.
        UsageError: h5py is not installed.
    """
    with _hdf5()(path, "r") as file:
        return _tensors(path, file, {})


def read_keras_archive(path: Path) -> dict[str, Tensor]:
    """The tensors of a .keras file.

    Raises:
        UsageError: h5py is not installed.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read(CONFIG))
        weights = io.BytesIO(archive.read(WEIGHTS))
    with _hdf5()(weights, "r") as file:
        return _tensors(path, file, dict(_layer_names(config["config"]["layers"], "layers")))


def _hdf5() -> Any:
    try:
        from h5py import File
    except ImportError as error:
        raise UsageError(
            "zoo-needs-hdf",
            "Files of Keras are HDF5 inside, and h5py is not installed.",
            "Install it: pip install 'striate[keras]'",
        ) from error
    return File


def _tensors(path: Path, file: "h5py.File", names: Mapping[str, str]) -> dict[str, Tensor]:
    if "layers" in file:
        found = _by_number(path, file, names)
    else:
        found = _by_name(file.get("model_weights", file))
    if not found:
        raise FileError(
            "zoo-file-no-layers",
            f"{path} is an HDF5 file without layers of Keras.",
            "Save it with model.save('weights.keras') or model.save_weights('x.weights.h5').",
        )
    return _counted_from_none(found)


def _datasets(group: "h5py.Group") -> Iterator[tuple[str, "h5py.Dataset"]]:
    """Every dataset that lies in the file itself; links to elsewhere are not followed."""
    import h5py

    found: list[tuple[str, h5py.Dataset]] = []
    group.visititems(lambda path, node: found.append((path, node)))
    for path, node in found:
        if isinstance(node, h5py.Dataset) and not node.external and not node.is_virtual:
            yield path, node


def _by_name(group: "h5py.Group") -> dict[str, Tensor]:
    """From groups LAYER/…/kernel:0; within a model in the model, the inner layer's name counts."""
    found = [(path.split("/"), data) for path, data in _datasets(group)]
    inside = defaultdict(set)
    for parts, _ in found:
        inside[parts[0]].add(tuple(parts[:-1]))
    tensors = {}
    for parts, data in found:
        layer = parts[0] if len(inside[parts[0]]) == 1 else parts[-2]
        tensors[f"{layer}.{parts[-1].partition(':')[0]}"] = _tensor(data)
    return tensors


def _by_number(path: Path, file: "h5py.File", names: Mapping[str, str]) -> dict[str, Tensor]:
    """From groups layers/conv2d_3/vars/0; newer files have the layer's name beside them."""
    variables: dict[str, dict[int, h5py.Dataset]] = defaultdict(dict)
    for place, data in _datasets(file):
        group, _, number = place.rpartition("/")
        if group.startswith("layers/") and "seed_generator" not in group:
            variables[group][int(number)] = data
    tensors: dict[str, Tensor] = {}
    for group, numbered in variables.items():
        layer = file[group].attrs.get("name", names.get(group.removesuffix("/vars")))
        if layer is None:
            raise FileError(
                "zoo-file-no-layer-names",
                f"{path}: its layers have numbers and no names ({group}).",
                "Save the whole model instead: model.save('model.keras').",
            )
        called = _variable_names(group, len(numbered))
        tensors |= {f"{layer}.{called[i]}": _tensor(data) for i, data in numbered.items()}
    return tensors


def _variable_names(group: str, count: int) -> tuple[str, ...]:
    kind = re.sub(r"_\d+$", "", group.split("/")[-2])
    if kind == "batch_normalization" and count < 4:  # Keras leaves out the scale before the shift
        return (*["beta"] * (count - 2), *STATISTICS)
    return VARIABLES.get(kind, tuple(map(str, range(count))))


def _layer_names(layers: list[dict[str, Any]], where: str) -> Iterator[tuple[str, str]]:
    """The group in which Keras 3 keeps each layer, and the layer's name, from its description."""
    numbers: Counter[str] = Counter()
    for layer in layers:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", layer["class_name"])
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        number = f"_{numbers[kind]}" if numbers[kind] else ""
        numbers[kind] += 1
        yield f"{where}/{kind}{number}", layer["config"]["name"]
        yield from _layer_names(layer["config"].get("layers", []), f"{where}/{kind}{number}/layers")


def _tensor(data: "h5py.Dataset") -> Tensor:
    if data.nbytes > EXPANDED * (data.id.get_storage_size() + 1024):
        raise ValueError(f"{data.name} claims {data.nbytes:,} bytes and has hardly any")
    return torch.from_numpy(data[...])


def _counted_from_none(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Layers that Keras named itself, conv2d_7 and so on, are counted anew: where the count begins
    depends on what else was made before."""
    layers = {name.rpartition(".")[0] for name in tensors}
    numbers = defaultdict(list)
    for layer in layers:
        if match := COUNTED.fullmatch(layer):
            numbers[match[1]].append(int(match[2] or 0))
    anew = {
        f"{kind}_{number}" if number else kind: f"{kind}_{place}" if place else kind
        for kind, found in numbers.items()
        for place, number in enumerate(sorted(found))
    }
    parted = {name: name.rpartition(".") for name in tensors}
    return {f"{anew.get(p[0], p[0])}.{p[2]}": tensors[name] for name, p in parted.items()}

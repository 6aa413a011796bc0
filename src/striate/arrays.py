"""The arrays that people hand to the verbs, as the tensors that networks take."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from striate.errors import DataError, ShapeError
from striate.predictions import Task


def input_tensor(x: Any, *, input_shape: tuple[int, ...] | None = None) -> Tensor:
    """Images or vectors as a float32 tensor, channels first.

    Shape: NumPy and lists [N, H, W, C] or [N, H, W] -> [N, C, H, W]; [N, F] stays;
        torch tensors are channels first already and only become float32.
    Raises:
        ShapeError: the rows do not have `input_shape`, which is (height, width, channels) or
            (features,).
    """
    if isinstance(x, Tensor):
        tensor = x.detach().float()
        if input_shape is not None:
            _check_batch_axis(tuple(x.shape), input_shape, (input_shape[-1], *input_shape[:-1]))
    else:
        array = number_array(x)
        if input_shape is not None:
            _check_batch_axis(array.shape, input_shape, tuple(input_shape))
        if array.ndim == 3 and (input_shape is None or len(input_shape) == 3):
            array = array[..., None]  # grey images without a channel axis
        if array.ndim > 2:
            array = np.moveaxis(array, -1, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if input_shape is not None:
        _check_rows(tensor, input_shape)
    return tensor


def holds_arrays(x: Any) -> bool:
    """Whether it is an array or a tensor, or a list that has one."""
    several = x if isinstance(x, list | tuple) else [x]
    return any(isinstance(one, np.ndarray | Tensor) for one in several)


def picture_arrays(x: Any, channels: int) -> list[NDArray[Any]]:
    """An array of one or several pictures, or a list of them -> arrays [H, W, C] or [H, W]."""
    if isinstance(x, list | tuple) and holds_arrays(x):
        return [picture for one in x for picture in picture_arrays(one, channels)]
    if isinstance(x, Tensor):
        x = x.movedim(-3, -1).cpu().numpy()
    x = number_array(x)
    single = x.ndim == 2 or (x.ndim == 3 and x.shape[-1] == channels != 1)
    return [x] if single else list(x)


def row_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of one row as people write it: (height, width, channels) or (features,).

    Raises:
        ShapeError: the tensor has no rows, only numbers.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            "shape-no-rows",
            f"x must be (N, height, width, channels) or (N, features), got shape "
            f"{tuple(tensor.shape)}.",
            "For one feature use x[:, None].",
        )
    channels, *rest = tensor.shape[1:]
    return (*rest, channels)


def check_finite(values: Tensor, argument: str) -> None:
    """Raise unless every value is a number.

    Raises:
        DataError: naming the first row that holds NaN or an infinity.
    """
    fine = values.isfinite().reshape(len(values), -1).all(dim=1)
    if not fine.all():
        raise DataError(
            "data-not-finite",
            f"{argument}: {int((~fine).sum())} of {len(values)} rows hold NaN or infinity, the "
            f"first is {argument}[{int(fine.int().argmin())}].",
            f"Repair or leave them out: {argument}[np.isfinite({argument}).reshape(len("
            f"{argument}), -1).all(axis=1)].",
        )


def number_array(x: Any) -> NDArray[Any]:
    """Numbers in an array, from whatever NumPy can make one of.

    Raises:
        ShapeError: the rows differ in shape.
        DataError: it holds something else, such as the names of files.
    """
    try:
        array = np.asarray(x)
    except ValueError:  # rows of several lengths
        array = np.empty(0, object)
    if array.dtype == object:
        raise ShapeError(
            "shape-ragged",
            f"The rows of the array differ in shape{_two_shapes(x)}, so they make no batch.",
            "Resize the images to one size, or give files and a Preprocessing.",
        )
    if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
        raise DataError(
            "data-not-numbers",
            f"Images must be numbers, got {_kind(array)}.",
            "Read the files first, or give their paths to st.train or predict.",
        )
    return array


def _two_shapes(x: Any) -> str:
    """Two of the shapes that rows have, where they can be told."""
    try:
        shapes = list(dict.fromkeys(np.shape(row) for row in x))
    except (TypeError, ValueError):
        return ""
    return f", such as {shapes[0]} and {shapes[1]}" if len(shapes) > 1 else ""


def _kind(array: NDArray[Any]) -> str:
    """What an array that should hold numbers holds instead."""
    if array.dtype.kind in "US" and array.size:
        return f"words such as {str(array.flat[0])!r}"
    return f"an array of {array.dtype}"


def _check_batch_axis(
    shape: tuple[int, ...], input_shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """Raise where one image was given instead of a batch of images.

    `expected` is the shape of one image in the order of axes in which it was given.
    """
    grey = len(input_shape) == 3 and input_shape[-1] == 1 and shape == tuple(input_shape[:-1])
    if shape == expected or grey:
        raise ShapeError(
            "shape-batch-axis",
            f"x is one image of shape {shape}; the network takes a batch of images, "
            f"(N, {', '.join(map(str, expected))}).",
            "Add the batch axis: x[None].",
        )


def _check_rows(tensor: Tensor, input_shape: tuple[int, ...]) -> None:
    expected, found = tuple(input_shape), row_shape(tensor)
    if found == expected:
        return
    fix = "Give rows of that length, or change the Input layer."
    if len(expected) == 3:
        fix = "Resize the images, or change the Input layer."
    if len(found) == len(expected) == 3:
        if found[:2] == expected[:2]:
            fix = (
                f"The images have {found[2]} channels instead of {expected[2]}: convert them, or "
                f"say Input({found})."
            )
        elif (found[1], found[2], found[0]) == expected:
            fix = (
                "NumPy images are (N, height, width, channels): x.transpose(0, 2, 3, 1). Torch "
                "tensors are (N, channels, height, width)."
            )
        elif (found[2], found[0], found[1]) == expected:
            fix = "Torch tensors are (N, channels, height, width): x.permute(0, 3, 1, 2)."
    what = "images" if len(expected) == 3 else "rows"
    raise ShapeError(
        "shape-input",
        f"x: the network takes {what} of shape {expected}, got {what} of shape {found}.",
        fix,
    )


def target_tensor(y: Any, task: Task, classes: int | None = None, last: str = "") -> Tensor:
    """Labels as the loss takes them.

    Args:
        last: the name of the layer whose units are the classes, as `mistakes.last_layer` has it.

    Shape: single-label: integers [N] or one-hot (or soft) rows [N, classes] -> int64 [N] or
        float32 [N, classes]; multi-label 0/1 [N, classes] -> float32; numbers [N] or [N, 1] ->
        float32 [N], more columns [N, k] stay.
    Raises:
        DataError: a label is negative, not whole, or not below `classes`.
    """
    array: NDArray[Any] = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    if array.dtype.kind not in "buif":
        raise DataError(
            "data-labels-not-numbers",
            f"y: labels must be numbers (class numbers or one-hot rows), got {_kind(array)}.",
            "Number the classes: classes, y = np.unique(y, return_inverse=True).",
        )
    if task == "regression":
        numbers = torch.from_numpy(array.astype(np.float32))
        return numbers[:, 0] if numbers.ndim == 2 and numbers.shape[1] == 1 else numbers
    if task == "multi_label":
        return torch.from_numpy(array.astype(np.float32))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _rows(array, classes, last)
    _check_labels(array, classes, last)
    return torch.from_numpy(array.astype(np.int64))


def _check_labels(labels: NDArray[Any], classes: int | None, last: str) -> None:
    if not len(labels):
        return
    least, most = float(labels.min()), float(labels.max())
    if not np.array_equal(labels, np.floor(labels)) or least < 0:
        raise DataError(
            "data-labels-not-indices",
            "y: class labels must be whole numbers from 0, got values such as "
            f"{labels[:3].tolist()}.",
            "For a number to predict, compile with loss='mean_squared_error'.",
        )
    if classes is None or most < classes:
        return
    if least >= 1 and most == classes:
        raise DataError(
            "data-labels-from-one",
            f"y: the labels run from {int(least)} to {int(most)}; classes are numbered from 0 to "
            f"{classes - 1}.",
            "Use y - 1.",
        )
    raise DataError(
        "data-label-beyond-classes",
        f"y: the labels go up to {int(most)}, but the network has {classes} outputs, for labels 0 "
        f"to {classes - 1}.",
        f"The last layer{last} needs {int(most) + 1} units.",
    )


def _rows(array: NDArray[Any], classes: int | None, last: str) -> Tensor:
    if classes is not None and array.shape[1] != classes:
        raise DataError(
            "data-label-width",
            f"y: the one-hot labels have {array.shape[1]} columns, the network {classes} outputs.",
            f"The last layer{last} needs {array.shape[1]} units.",
        )
    one_hot = np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()
    if one_hot:
        return torch.from_numpy(array.argmax(axis=1).astype(np.int64))
    return torch.from_numpy(array.astype(np.float32))

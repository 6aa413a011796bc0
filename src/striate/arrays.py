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
    else:
        array = _rectangular(x)
        if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
            raise DataError(
                "data-not-numbers", f"Images must be numbers, got an array of {array.dtype}."
            )
        if array.ndim == 3 and (input_shape is None or len(input_shape) == 3):
            array = array[..., None]  # grey images without a channel axis
        if array.ndim == 4:
            array = np.moveaxis(array, -1, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if input_shape is not None:
        _check_rows(tensor, input_shape, given=np.shape(x))
    return tensor


def _rectangular(x: Any) -> NDArray[Any]:
    try:
        array = np.asarray(x)
    except ValueError:  # rows of several lengths
        array = np.empty(0, object)
    if array.dtype == object:
        raise ShapeError(
            "shape-ragged",
            "The rows of the array differ in shape, so they make no batch.",
            "Resize the images to one size, or give files and a Preprocessing.",
        )
    return array


def row_shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of one row as people write it: (height, width, channels) or (features,)."""
    channels, *rest = tensor.shape[1:]
    return (*rest, channels)


def _check_rows(tensor: Tensor, input_shape: tuple[int, ...], given: tuple[int, ...]) -> None:
    found = row_shape(tensor)
    if found == tuple(input_shape):
        return
    if given == tuple(input_shape):
        fix = "That is the shape of one image: give x[None]."
    elif len(input_shape) == 3:
        fix = (
            "NumPy images are (N, height, width, channels); torch tensors (N, channels, height, "
            "width)."
        )
    else:
        fix = "Give rows of that length, or change the Input layer."
    raise ShapeError(
        "shape-input",
        f"The network takes images of shape {tuple(input_shape)}, got rows of shape {found}.",
        fix,
    )


def target_tensor(y: Any, task: Task, classes: int | None = None) -> Tensor:
    """Labels as the loss takes them.

    Shape: single-label: integers [N] or one-hot (or soft) rows [N, classes] -> int64 [N] or
        float32 [N, classes]; multi-label 0/1 [N, classes] -> float32; numbers [N] or [N, 1] ->
        float32 [N].
    Raises:
        DataError: a label is negative, not whole, or not below `classes`.
    """
    array: NDArray[Any] = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    if array.dtype.kind not in "buif":
        raise DataError(
            "data-labels-not-numbers",
            f"Labels must be numbers (class indices or one-hot rows), got {array.dtype}.",
            "Number the classes from 0, or train from a folder or table, which knows names.",
        )
    if task == "regression":
        return torch.from_numpy(array.astype(np.float32)).reshape(len(array))
    if task == "multi_label":
        return torch.from_numpy(array.astype(np.float32))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _rows(array, classes)
    if not np.array_equal(array, np.floor(array)) or (len(array) and array.min() < 0):
        raise DataError(
            "data-labels-not-indices",
            f"Class labels must be whole numbers from 0, got values such as {array[:3].tolist()}.",
            "For a number to predict, compile with loss='mean_squared_error'.",
        )
    if classes is not None and len(array) and array.max() >= classes:
        raise DataError(
            "data-label-beyond-classes",
            f"The labels go up to {int(array.max())}, but the network has {classes} outputs, "
            f"for labels 0 to {classes - 1}.",
            f"Give the last layer {int(array.max()) + 1} units.",
        )
    return torch.from_numpy(array.astype(np.int64))


def _rows(array: NDArray[Any], classes: int | None) -> Tensor:
    if classes is not None and array.shape[1] != classes:
        raise DataError(
            "data-label-width",
            f"The one-hot labels have {array.shape[1]} columns, the network {classes} outputs.",
            f"Give the last layer {array.shape[1]} units.",
        )
    one_hot = np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()
    if one_hot:
        return torch.from_numpy(array.argmax(axis=1).astype(np.int64))
    return torch.from_numpy(array.astype(np.float32))

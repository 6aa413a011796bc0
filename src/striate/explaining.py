"""What a model saw: from pictures to explanations by name."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate.answering import Answering
from striate.arrays import holds_arrays
from striate.errors import DataError, UnknownName, UsageError, unknown_name
from striate.explain import METHODS, Explanation, Score, class_score
from striate.explain.quality import Subject, check_measures, class_probability, judged
from striate.inference import BATCH_SIZE, device_of, network_outputs
from striate.nn import HeadedNetwork
from striate.reading import needed_preprocessing, read_pictures

Target = str | int | Sequence[str | int] | None


@dataclass(frozen=True)
class Seen:
    """Images as the network sees them and as a person does, with the model's answers.

    Args:
        inputs: [N, C, H, W].
        pictures: uint8 [N, H, W, 3].
        values: probabilities [N, classes], or predicted numbers [N].
    """

    inputs: Tensor
    pictures: NDArray[np.uint8]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def explain(
    answering: Answering,
    images: Any,
    method: str = "grad_cam",
    target: Target = None,
    layer: str | None = None,
    options: Mapping[str, Any] | None = None,
    measures: Sequence[str] = (),
) -> Explanation:
    """Why the model says what it says of images; see `Model.explain`."""
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    check_measures(measures)
    seen = look(answering, images)
    return explain_seen(answering, seen, method, target, layer, options, measures)


def explain_seen(
    answering: Answering,
    seen: Seen,
    method: str,
    target: Target = None,
    layer: str | None = None,
    options: Mapping[str, Any] | None = None,
    measures: Sequence[str] = (),
) -> Explanation:
    """Why the model says what it says of images that it has seen already.

    Args:
        measures: of faithfulness, keys of `striate.explain.quality.MEASURES`.
    """
    numbers = targets_of(answering, target, seen.values)
    named = {} if layer is None else {"layer": layer_path(answering.network, layer)}
    given = {**named, **(options or {})}
    began = time.perf_counter()
    maps = attribute(answering.network, seen.inputs, method, score_of(answering, numbers), given)
    seconds = time.perf_counter() - began
    return Explanation(
        maps=maps,
        pictures=seen.pictures,
        names=seen.names,
        targets=tuple(name_of(answering, number) for number in numbers),
        answers=_answers(seen.values, numbers),
        method=method,
        options=given,
        seconds=seconds,
        quality=quality_of(answering, seen, numbers, maps, method, given, measures),
    )


def quality_of(
    answering: Answering,
    seen: Seen,
    numbers: Sequence[int],
    maps: Tensor,
    method: str,
    options: Mapping[str, Any],
    measures: Sequence[str],
) -> dict[str, NDArray[np.float64]]:
    """Numbers [N] by the name of each measure; what is watched is the probability of the target."""
    if not measures:
        return {}
    score = score_of(answering, numbers)
    task, device = answering.tasks[0], device_of(answering.network)
    answer = score
    if task != "regression":
        several = task == "multi_label"
        answer = class_probability(list(numbers), answering.temperature, several=several)
    again = partial(METHODS[method], **options)
    subject = Subject(answering.network, seen.inputs.to(device), score, answer, again)
    found = judged(measures, subject, maps.to(device))
    return {name: values.double().cpu().numpy() for name, values in found.items()}


def layer_path(network: nn.Module, layer: str) -> str:
    """The dotted name of a layer; a network of the zoo knows its taps, such as "stage3", too.

    Raises:
        UnknownName: the network has no such layer; the nearest names are given.
    """
    taps = network.taps() if isinstance(network, HeadedNetwork) else {}
    paths = [path for path, _ in network.named_modules() if path]
    with suppress(UnknownName):
        path = network.tap(layer) if isinstance(network, HeadedNetwork) else layer
        if path in paths:
            return path
    raise unknown_name("layer", layer, [*taps, *paths])


def attribute(
    network: nn.Module, inputs: Tensor, method: str, score: Score, options: Mapping[str, Any]
) -> Tensor:
    """Maps [N, H, W] on the CPU of a method by name.

    Raises:
        UsageError: the method has no such option.
    """
    inputs = inputs.to(device_of(network))
    try:
        return METHODS[method](network, inputs, score, **options).cpu()
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise UsageError(
            "explain-unknown-option",
            f"{method}: {str(error).partition('() ')[2]}.",
            f"help(st.explain.{method})",
        ) from error


def look(answering: Answering, images: Any) -> Seen:
    """Read pictures, or take arrays, and let the model answer.

    Raises:
        DataError: nothing could be read, or the model cannot read pictures.
    """
    if holds_arrays(images):
        inputs = answering.ends.images(images, answering.preprocessing)
        names = tuple(f"image {number}" for number in range(len(inputs)))
    else:
        inputs, names = _read(answering, images)
    return seen_as(answering, inputs, names)


def seen_as(
    answering: Answering,
    inputs: Tensor,
    names: tuple[str, ...],
    values: NDArray[np.float64] | None = None,
) -> Seen:
    """Images that the model can see as they are, [N, C, H, W], with its answers.

    Args:
        values: the answers, where they are known.
    """
    if values is None:
        batches = torch.split(inputs, BATCH_SIZE)
        values = answering.values(network_outputs(answering.network, batches))
    return Seen(inputs, _pictures(answering, inputs), names, values)


def targets_of(answering: Answering, target: Target, values: NDArray[Any]) -> list[int]:
    """The number of the output to explain, for every image.

    Args:
        target: a class by name or number, one for each image, or None for the model's answer.
    Raises:
        UnknownName: no class is named so.
        UsageError: there are not as many targets as images.
    """
    count = len(values)
    if target is None:
        return [0] * count if values.ndim == 1 else values.argmax(axis=1).tolist()
    if isinstance(target, str | int):
        return [_number(answering, target, values)] * count
    if len(target) != count:
        raise UsageError(
            "explain-target-name",
            f"One target for each image is needed, got {len(target)} for {count}.",
            "Give one name for all, or as many as images.",
        )
    return [_number(answering, one, values) for one in target]


def score_of(answering: Answering, numbers: Sequence[int]) -> Score:
    """The logit of each image's target, or the number that a regression gives."""
    if answering.tasks[0] == "regression":
        return lambda outputs: outputs.reshape(len(outputs), -1)[:, 0]
    return class_score(list(numbers))


def name_of(answering: Answering, number: int) -> str:
    """What an output is called."""
    if answering.tasks[0] == "regression":
        return "the number"
    return answering.classes[number] if answering.classes else f"class {number}"


def _number(answering: Answering, target: str | int, values: NDArray[Any]) -> int:
    outputs = values.shape[1] if values.ndim == 2 else 1
    if isinstance(target, str):
        if target not in answering.classes:
            raise unknown_name("class", target, answering.classes)
        return answering.classes.index(target)
    if not 0 <= target < outputs:
        raise UsageError(
            "explain-target-name", f"A target must be 0 to {outputs - 1}, got {target}."
        )
    return target


def _read(answering: Answering, images: Any) -> tuple[Tensor, tuple[str, ...]]:
    reading = read_pictures(images, needed_preprocessing(answering.preprocessing), BATCH_SIZE)
    batches = list(reading.batches())
    if not batches:
        refused = reading.unreadable[0]
        raise DataError(
            "data-no-images",
            f"No picture could be read; {refused.id}: {refused.detail}",
            "Give pictures that can be opened.",
        )
    return torch.cat(batches), reading.ids


def _answers(values: NDArray[np.float64], numbers: Sequence[int]) -> NDArray[np.float64]:
    return values if values.ndim == 1 else values[np.arange(len(values)), list(numbers)]


def _pictures(answering: Answering, inputs: Tensor) -> NDArray[np.uint8]:
    """uint8 [N, H, W, 3]; without preprocessing the range of each image becomes black to white."""
    if answering.preprocessing is not None:
        pixels = answering.preprocessing.pixels(inputs)
    else:
        low, high = (
            inputs.amin(dim=(1, 2, 3), keepdim=True),
            inputs.amax(dim=(1, 2, 3), keepdim=True),
        )
        pixels = (255 * (inputs - low) / (high - low).clamp_min(1e-12)).round().to(torch.uint8)
    if pixels.shape[1] not in (1, 3):
        pixels = pixels[:, :1]  # of many bands the first
    return pixels.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()

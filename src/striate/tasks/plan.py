"""A training decided in every detail: network, preprocessing and recipe, each with its reason."""

import os
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from torch import nn

from striate import zoo
from striate.data import Augmentation, Preprocessing, canvas_store
from striate.nn.outline import outline
from striate.tasks.choices import (
    FEW,
    SMALL,
    Facts,
    choose_recipe,
    choose_tuned,
    has_normalisation,
    is_short,
)
from striate.tasks.preparing import Prepared
from striate.tasks.request import TrainRequest
from striate.tasks.start import Start
from striate.training import Recipe

CANVAS = 1.15  # of the image size: room for random crops
MEASURED = 512  # training images whose mean and deviation stand for all


@dataclass(frozen=True)
class Plan:
    """A training decided in every detail.

    Args:
        request: with everything that was `None` or "auto" filled in.
        outputs: how many numbers the network gives.
        monitor: the validation score by which the best epoch is chosen; lower is better.
        target_scale: mean and standard deviation of the numbers to predict; (0, 1) for classes.
        reasons: sentences for the report, one a choice.
    """

    request: TrainRequest
    preprocessing: Preprocessing
    augmentation: Augmentation
    outputs: int
    monitor: str
    target_scale: tuple[float, float]
    reasons: tuple[str, ...]

    @property
    def recipe(self) -> Recipe:
        """The knobs of the loop alone."""
        return recipe_of(self.request)


def recipe_of(request: TrainRequest) -> Recipe:
    """The part of a request that the training loop knows."""
    return Recipe(**{name: getattr(request, name) for name in Recipe.model_fields})


def make_plan(
    request: TrainRequest,
    prepared: Prepared,
    own_network: nn.Module | None,
    start: Start | None = None,
) -> Plan:
    """Fill in what the request leaves open; of a training from given weights all but the way to
    tune them, which `tune_choice.settled` chooses."""
    facts = facts_of(prepared)
    outputs = outputs_of(prepared)
    network: nn.Module
    if start is not None:
        preprocessing, network = start.preprocessing, start.network
        name, whys = request.model, start.reasons
    else:
        preprocessing, seen = _preprocessing(request, facts)
        name, why = _architecture(request, facts, own_network)
        network = own_network or _outline(name, outputs, preprocessing)
        preprocessing, whys = _measured(preprocessing, prepared), (seen, why)
    facts = replace(facts, side=max(preprocessing.size), normalised=has_normalisation(network))
    recipe = recipe_of(request)
    if start is None:
        choices = choose_recipe(recipe, facts)
    else:
        choices = choose_tuned(recipe, facts, by_steps=request.head == "linear")
    filled = request.model_copy(
        update={
            "model": name,
            "image_size": preprocessing.size[0] if request.image_size else None,
            "channels": preprocessing.channels,
            "resize": preprocessing.fit,
            "task": prepared.task,
            **choices.values,
        }
    ).settled()
    return Plan(
        request=TrainRequest.model_validate(filled.model_dump()),
        preprocessing=preprocessing,
        augmentation=_augmentation(filled, preprocessing),
        outputs=outputs,
        monitor="val_loss",
        target_scale=_target_scale(prepared),
        reasons=(*whys, *choices.reasons),
    )


def outputs_of(prepared: Prepared) -> int:
    """How many numbers a network for these data gives."""
    return 1 if prepared.task == "regression" else len(prepared.dataset.classes)


def facts_of(prepared: Prepared) -> Facts:
    """Count and measure the training part."""
    dataset, sizes = prepared.dataset, prepared.sizes("train")
    rows = dataset.where("train")
    same = bool((sizes[:, :2] == sizes[0, :2]).all())
    height, width = (int(v) for v in (sizes[0, :2] if same else np.median(sizes[:, :2], axis=0)))
    labels = dataset.labels[rows]
    counts: tuple[int, ...] = ()
    if dataset.task == "single_label":
        counts = tuple(np.bincount(labels, minlength=len(dataset.classes)).tolist())
    elif dataset.task == "multi_label":
        counts = tuple(int(n) for n in labels.sum(axis=0))
    return Facts(
        task=dataset.task,
        classes=dataset.classes,
        train=len(rows),
        counts=counts,
        height=height,
        width=width,
        one_size=same,
        channels=int(sizes[:, 2].max()),
    )


def _preprocessing(request: TrainRequest, facts: Facts) -> tuple[Preprocessing, str]:
    size, why = _image_size(request, facts)
    native = facts.one_size and size == (facts.height, facts.width)
    uncut = request.crop == "none" or (request.crop == "auto" and is_short(request, max(size)))
    canvas = size if native or uncut else tuple(ceil(CANVAS * s) for s in size)
    preprocessing = Preprocessing(
        size=size,
        channels=request.channels or facts.channels,
        canvas=(canvas[0], canvas[1]),
        fit=request.resize if request.resize != "auto" else "crop",
        background=request.background,
        pixel_cap=request.pixel_cap,
    )
    return preprocessing, f"The network sees {size[1]}×{size[0]} pixels: {why}."


def _image_size(request: TrainRequest, facts: Facts) -> tuple[tuple[int, int], str]:
    if request.image_size is not None:
        return (request.image_size, request.image_size), "asked for"
    short = min(facts.height, facts.width)
    if facts.one_size and max(facts.height, facts.width) <= SMALL:
        return (facts.height, facts.width), "all images have that size"
    if short <= SMALL:
        side = max(8, 8 * round(short / 8))
        return (side, side), f"the median short side is {short}"
    side = min(96 if facts.train < FEW else 128, 8 * (short // 8))
    return (side, side), (
        f"trained from scratch on {facts.train:,} photographs, larger ones would cost much time "
        "and teach little"
    )


def _architecture(request: TrainRequest, facts: Facts, own: nn.Module | None) -> tuple[str, str]:
    if own is not None:
        return request.model, f"The network is the {type(own).__name__} that was given."
    if request.model != "auto":
        return request.model, f"The network is {request.model}: asked for."
    return "striatenet", (
        "The network is striatenet: it fits its depth to the image size and, trained from "
        f"scratch on {facts.train:,} images, is quick and hard to overfit."
    )


def _outline(name: str, outputs: int, preprocessing: Preprocessing) -> nn.Module:
    """The network without memory for its weights: a wrong name or size fails here."""
    with outline():
        return zoo.create(
            name, classes=outputs, channels=preprocessing.channels, image_size=preprocessing.size
        )


def _measured(preprocessing: Preprocessing, prepared: Prepared) -> Preprocessing:
    """With the mean and standard deviation of each channel over some training images."""
    rows = prepared.dataset.where("train")
    some = prepared.dataset.select(rows[:: -(-len(rows) // MEASURED)])
    store = canvas_store(some, preprocessing, workers=os.cpu_count() or 1)
    canvases = store.gather(np.arange(len(some))).contiguous()  # [n, C, H, W]
    values = canvases.numpy().astype(np.float32) / 255
    mean, std = values.mean(axis=(0, 2, 3)), values.std(axis=(0, 2, 3))
    return replace(
        preprocessing,
        mean=tuple(round(float(m), 4) for m in mean),
        std=tuple(round(max(float(s), 0.01), 4) for s in std),
    )


def _target_scale(prepared: Prepared) -> tuple[float, float]:
    if prepared.task != "regression":
        return (0.0, 1.0)
    values = prepared.dataset.labels[prepared.dataset.where("train")].astype(np.float64)
    return float(values.mean()), float(values.std()) or 1.0


def _augmentation(recipe: Recipe, preprocessing: Preprocessing) -> Augmentation:
    return Augmentation(
        flip=recipe.flip == "on",
        crop="none" if recipe.crop == "auto" else recipe.crop,
        shift=max(1, round(min(preprocessing.size) / 12)),
        color_jitter=recipe.color_jitter or 0.0,
        randaugment=recipe.randaugment or 0,
        erasing=recipe.erasing or 0.0,
        mixup=recipe.mixup or 0.0,
        cutmix=recipe.cutmix or 0.0,
    )

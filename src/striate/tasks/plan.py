"""What `auto` means: network, image size and recipe chosen for the data, each with its reason."""

import re
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from torch import nn

from striate.data import Augmentation, Preprocessing
from striate.tasks.preparing import Prepared
from striate.tasks.request import TrainRequest
from striate.train import Recipe

SMALL = 64  # pixels: images up to this side are used at their own size
MEASURED = 512  # training images whose mean and deviation stand for all
CANVAS = 1.15  # of the image size: room for random crops
IMAGES_TO_SEE = 400_000  # in one training of a small network, all epochs together
SIDED = re.compile(r"(^|[^a-z])(left|right)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """What the choices rest on.

    Args:
        train: training images.
        counts: training images of each class; empty for regression.
        height, width: the one size of all images, or the median of each.
        one_size: all images have the same size.
        channels: the most that an image has.
    """

    train: int
    counts: tuple[int, ...]
    height: int
    width: int
    one_size: bool
    channels: int


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
        return Recipe(**{name: getattr(self.request, name) for name in Recipe.model_fields})


def make_plan(request: TrainRequest, prepared: Prepared, own_network: nn.Module | None) -> Plan:
    """Fill in what the request leaves open."""
    facts = facts_of(prepared)
    reasons: list[str] = []
    preprocessing = _measured(_preprocessing(request, facts, reasons), prepared)
    name = _architecture(request, facts, reasons, own_network)
    chosen = _recipe(request, prepared, preprocessing, facts, reasons)
    filled = request.model_copy(
        update={
            "model": name,
            "image_size": preprocessing.size[0] if _square(preprocessing.size) else None,
            "channels": preprocessing.channels,
            "resize": preprocessing.fit,
            "task": prepared.task,
            **chosen,
        }
    ).settled()
    classes = prepared.dataset.classes
    return Plan(
        request=TrainRequest.model_validate(filled.model_dump()),
        preprocessing=preprocessing,
        augmentation=_augmentation(filled, preprocessing),
        outputs=1 if prepared.task == "regression" else len(classes),
        monitor="val_loss",
        target_scale=_target_scale(prepared),
        reasons=tuple(reasons),
    )


def facts_of(prepared: Prepared) -> Facts:
    """Count and measure the training part."""
    dataset = prepared.dataset
    rows = dataset.where("train")
    sizes = prepared.sizes("train")
    same = bool((sizes[:, :2] == sizes[0, :2]).all())
    height, width = (int(v) for v in (sizes[0, :2] if same else np.median(sizes[:, :2], axis=0)))
    labels = dataset.labels[rows]
    counts: tuple[int, ...] = ()
    if dataset.task == "single_label":
        counts = tuple(np.bincount(labels, minlength=len(dataset.classes)).tolist())
    elif dataset.task == "multi_label":
        counts = tuple(int(n) for n in labels.sum(axis=0))
    return Facts(len(rows), counts, height, width, same, int(sizes[:, 2].max()))


def _target_scale(prepared: Prepared) -> tuple[float, float]:
    if prepared.task != "regression":
        return (0.0, 1.0)
    values = prepared.dataset.labels[prepared.dataset.where("train")].astype(np.float64)
    return float(values.mean()), float(values.std()) or 1.0


def _square(size: tuple[int, int]) -> bool:
    return size[0] == size[1]


def _preprocessing(request: TrainRequest, facts: Facts, reasons: list[str]) -> Preprocessing:
    size, why = _image_size(request, facts)
    small = facts.one_size and max(facts.height, facts.width) <= SMALL
    canvas = size if small or request.crop == "none" else tuple(ceil(CANVAS * s) for s in size)
    reasons.append(f"The network sees {size[1]}×{size[0]} pixels: {why}.")
    return Preprocessing(
        size=size,
        channels=request.channels or facts.channels,
        canvas=(canvas[0], canvas[1]),
        fit=request.resize if request.resize != "auto" else "crop",
        background=request.background,
        pixel_cap=request.pixel_cap,
    )


def _measured(preprocessing: Preprocessing, prepared: Prepared) -> Preprocessing:
    """With the mean and standard deviation of each channel over some training images."""
    rows = prepared.dataset.where("train")
    some = rows[:: -(-len(rows) // MEASURED)].tolist()
    read = prepared.dataset.images.read
    canvases = [preprocessing.to_canvas(read(row), prepared.dataset.ids[row]) for row in some]
    values = np.stack(canvases).astype(np.float32) / 255  # [n, C, H, W]
    mean, std = values.mean(axis=(0, 2, 3)), values.std(axis=(0, 2, 3))
    return replace(
        preprocessing,
        mean=tuple(round(float(m), 4) for m in mean),
        std=tuple(round(max(float(s), 0.01), 4) for s in std),
    )


def _image_size(request: TrainRequest, facts: Facts) -> tuple[tuple[int, int], str]:
    if request.image_size is not None:
        return (request.image_size, request.image_size), "asked for"
    short = min(facts.height, facts.width)
    if facts.one_size and max(facts.height, facts.width) <= SMALL:
        return (facts.height, facts.width), "all images have that size"
    if short <= SMALL:
        side = max(8, 8 * round(short / 8))
        return (side, side), f"the median short side is {short}"
    side = min(96 if facts.train < 2_000 else 128, 8 * (short // 8))
    return (side, side), (
        f"{facts.train:,} photographs teach a fresh network little more from larger ones, "
        "and smaller ones train faster"
    )


def _architecture(
    request: TrainRequest,
    facts: Facts,
    reasons: list[str],
    own: nn.Module | None,
) -> str:
    if own is not None:
        reasons.append(f"The network is the {type(own).__name__} that was given.")
        return request.model
    if request.model != "auto":
        reasons.append(f"The network is {request.model}: asked for.")
        return request.model
    reasons.append(
        "The network is striatenet: it fits its depth to the image size and, trained from "
        f"scratch on {facts.train:,} images, is quick and hard to overfit."
    )
    return "striatenet"


def _recipe(
    request: TrainRequest,
    prepared: Prepared,
    preprocessing: Preprocessing,
    facts: Facts,
    reasons: list[str],
) -> dict[str, Any]:
    """Values for the knobs that were left open."""
    small = max(preprocessing.size) <= SMALL
    flip = _may_flip(prepared)
    imbalance = _imbalance(prepared, facts)
    epochs = int(np.clip(round(IMAGES_TO_SEE / facts.train), 8 if small else 20, 80))
    choices: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": int(np.clip(2 ** round(np.log2(max(facts.train, 1) / 20)), 16, 128)),
        "optimizer": "sgd",
        "learning_rate": None,
        "weight_decay": None,
        "flip": "on" if flip else "off",
        "crop": "shift" if small else "resized",
        "color_jitter": 0.0 if small or preprocessing.channels != 3 else 0.2,
        "randaugment": 0,
        "erasing": 0.0,
        "mixup": 0.0,
        "cutmix": 0.0,
        "label_smoothing": request.label_smoothing,
        "imbalance": imbalance,
        "workers": 2,
    }
    open_knobs = {
        name: value
        for name, value in choices.items()
        if getattr(request, name) in (None, "auto") and value is not None
    }
    if "epochs" in open_knobs:
        reasons.append(f"{epochs} epochs: about {epochs * facts.train:,} images seen in all.")
    if "flip" in open_knobs:
        why = "a mirrored picture means the same" if flip else "a mirrored sign is another sign"
        reasons.append(f"Mirroring is {open_knobs['flip']}: {why} here, as far as one can tell.")
    if open_knobs.get("imbalance") == "weights":
        reasons.append(
            f"Rare classes weigh more: the commonest has {max(facts.counts):,} images, "
            f"the rarest {min(facts.counts):,}."
        )
    return open_knobs


def _may_flip(prepared: Prepared) -> bool:
    """Whether mirroring keeps the labels: not for characters, nor where sides are named."""
    classes = prepared.dataset.classes
    characters = all(len(name) == 1 for name in classes)
    return not characters and not any(SIDED.search(name) for name in classes)


def _imbalance(prepared: Prepared, facts: Facts) -> str:
    present = [count for count in facts.counts if count]
    uneven = bool(present) and max(present) > 3 * min(present)
    return "weights" if uneven and prepared.task == "single_label" else "none"


def _augmentation(recipe: Recipe, preprocessing: Preprocessing) -> Augmentation:
    return Augmentation(
        flip=recipe.flip == "on",
        crop="none" if recipe.crop == "auto" else recipe.crop,
        shift=max(1, round(min(preprocessing.size) / 10)),
        color_jitter=recipe.color_jitter or 0.0,
        randaugment=recipe.randaugment or 0,
        erasing=recipe.erasing or 0.0,
        mixup=recipe.mixup or 0.0,
        cutmix=recipe.cutmix or 0.0,
    )

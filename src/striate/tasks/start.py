"""Where a training from given weights begins: the network that holds them, and what it takes."""

from dataclasses import dataclass, replace

from striate import zoo
from striate.data import Preprocessing
from striate.nn import HeadedNetwork
from striate.tasks.preparing import Prepared
from striate.tasks.request import TrainRequest
from striate.tasks.weights import StartingWeights, overlap, put_into
from striate.tasks.weights_scale import base_preprocessing, choose_preprocessing, for_channels
from striate.training import Notice, OnEvent

SMALLER = 0.6  # of the side that weights learnt on: below, they are told not to fit


@dataclass(frozen=True, eq=False)
class Start:
    """A network that holds weights learnt elsewhere.

    Args:
        network: its last layer is new, unless the classes are the same.
        preprocessing: what its images must look like.
        reasons: sentences for the report.
    """

    network: HeadedNetwork
    preprocessing: Preprocessing
    reasons: tuple[str, ...]


def start_from(
    weights: StartingWeights, request: TrainRequest, prepared: Prepared, network: HeadedNetwork,
    watch: OnEvent,
) -> Start:  # fmt: skip
    """Fill the network, and find out what its images must look like; doubts are told.

    Args:
        network: of the weights' architecture, made for the classes, channels and size wanted.
    Raises:
        FileError: the weights are of another network or image size.
        UsageError: mean and std given by hand are not of the scale 0..1.
    """
    report = put_into(network, weights, prepared.dataset.classes)
    known = weights.preprocessing is not None
    given = (request.mean, request.std) if request.mean and request.std else None
    chosen = choose_preprocessing(
        network,
        prepared.dataset.select(prepared.dataset.where("train")),
        wanted_preprocessing(weights, request, channels_of(request, prepared)),
        known=known,
        given=given,
    )
    if small := _too_small(weights, chosen.preprocessing):
        watch(Notice("warning", "weights-image-size", small))
    if chosen.warning:
        watch(Notice("warning", "weights-scale", chosen.warning))
    tests = [prepared.dataset.ids[row] for row in prepared.dataset.where("test")]
    for notice in overlap(weights, tests, prepared.hashes()):
        watch(notice)
    return Start(
        network,
        chosen.preprocessing,
        (f"It starts from weights, {weights.said}: {report}", chosen.reason),
    )


def wanted_preprocessing(
    weights: StartingWeights, request: TrainRequest, channels: int
) -> Preprocessing:
    """That of the weights, with what the request says of size, fit and background."""
    own = weights.preprocessing
    base = base_preprocessing(weights.name) if own is None else own
    base = for_channels(base, channels)
    if request.image_size is not None:
        grown = [
            round(request.image_size * c / s)
            for c, s in zip(base.canvas_size, base.size, strict=True)
        ]
        side = request.image_size
        base = replace(base, size=(side, side), canvas=(grown[0], grown[1]))
    return replace(
        base,
        fit=base.fit if request.resize == "auto" else request.resize,
        background=request.background,
        pixel_cap=request.pixel_cap,
    )


def channels_of(request: TrainRequest, prepared: Prepared) -> int:
    """Those asked for, or the most that a training image has."""
    return request.channels or int(prepared.sizes("train")[:, 2].max())


def network_for(
    weights: StartingWeights, request: TrainRequest, prepared: Prepared, outputs: int
) -> HeadedNetwork:
    """A fresh network of the weights' architecture for these data."""
    channels = channels_of(request, prepared)
    size = wanted_preprocessing(weights, request, channels).size
    return zoo.create(weights.name, classes=outputs, channels=channels, image_size=size)


def _too_small(weights: StartingWeights, preprocessing: Preprocessing) -> str:
    """A sentence where the network will see much smaller images than it learnt on; else empty."""
    learnt = max((weights.preprocessing or base_preprocessing(weights.name)).size)
    side = max(preprocessing.size)
    if side >= SMALLER * learnt:
        return ""
    return (
        f"The weights learnt on images of {learnt} pixels and will see {side}: things look smaller "
        f"to them than they know. Leave --image-size out to use {learnt}."
    )

"""How images must be scaled for weights: as their publisher says, as a person says, or measured."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from striate import zoo
from striate.data import Dataset, Preprocessing
from striate.errors import UsageError
from striate.nn import HeadedNetwork
from striate.tasks.scale_measures import Measured, Scale, followed, measured

CONVENTIONS: dict[str, Scale] = {
    "ImageNet's mean and deviation": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "-1..1": ((0.5,) * 3, (0.5,) * 3),
    "0..1": ((0.0,) * 3, (1.0,) * 3),
    "0..255 minus (123, 117, 104)": ((123 / 255, 117 / 255, 104 / 255), (1 / 255,) * 3),
    "0..255": ((0.0,) * 3, (1 / 255,) * 3),
}
GIVEN, KNOWN = "the mean and deviation given", "the mean and deviation of the weights"

STRANGE = 0.3  # divergence above which even the best convention fits the norms badly
CHANCE = 1.0  # standard errors that another log loss must be better by, else the first is kept
CLEAR = 2.0  # and that it must be better by to contradict a person


@dataclass(frozen=True)
class ChosenPreprocessing:
    """What images must look like for weights, and why.

    Args:
        scores: of every convention that was tried, lower is better; empty where none was.
        measure: "statistics", "log loss", or "none".
        reason: a sentence for the report.
        warning: a sentence where a person's own choice, or every choice, looks wrong; else "".
    """

    preprocessing: Preprocessing
    convention: str
    scores: Mapping[str, float]
    measure: str
    reason: str
    warning: str = ""


def base_preprocessing(name: str, channels: int = 3) -> Preprocessing:
    """Size and scale of an architecture's published weights, or its own size as ImageNet's are."""
    known = [each for each in zoo.WEIGHTS if each.name == name]
    if known:
        return for_channels(known[0].preprocessing, channels)
    size = zoo.ARCHITECTURES[name].image_size
    canvas = size if size <= 64 else round(size * 256 / 224)
    mean, std = next(iter(CONVENTIONS.values()))
    plain = Preprocessing(size=(size, size), canvas=(canvas, canvas), mean=mean, std=std)
    return for_channels(plain, channels)


def for_channels(preprocessing: Preprocessing, channels: int) -> Preprocessing:
    """The same for another number of channels, as `zoo` adapts a first layer.

    One channel takes the mean of all means and deviations, N take the old ones in turn.
    """
    if channels == preprocessing.channels:
        return preprocessing
    mean, std = (followed(values, channels) for values in (preprocessing.mean, preprocessing.std))
    return replace(preprocessing, channels=channels, mean=mean, std=std)


def check_scale(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Raise unless a person's mean and std can be meant for pixels of 0..1.

    Raises:
        UsageError: they look as if meant for pixels of 0..255, or std is not above 0.
    """
    if not all(0 < value < float("inf") for value in std):
        raise UsageError("weights-std", f"--std must be above 0, got {_said(std)}.")
    if max(map(abs, mean)) > 1.5 or max(std) > 2:
        divided = [_said(tuple(value / 255 for value in values)) for values in (mean, std)]
        raise UsageError(
            "weights-scale",
            f"--mean {_said(mean)} and --std {_said(std)} look as if meant for pixels of 0..255; "
            "here pixels are 0..1.",
            f"Divide both by 255: --mean {divided[0]} --std {divided[1]}",
        )


def choose_preprocessing(
    network: HeadedNetwork,
    images: Dataset,
    base: Preprocessing,
    *,
    known: bool = False,
    given: Scale | None = None,
) -> ChosenPreprocessing:
    """Decide how images are scaled for a network that has its weights.

    Args:
        network: in any mode; it is left as it was found.
        images: training images with their labels; at most 120 of them are looked at.
        base: size, and the scale that is most likely: it is kept unless another is better.
        known: the scale of `base` is that of the weights for sure; then nothing is measured
            unless a person gives another.
        given: a person's mean and std, for pixels of 0..1; they are obeyed, with a warning where
            another convention is clearly better.
    Raises:
        UsageError: what is given is not on the scale 0..1.
        DataError: an image cannot be read.
    """
    kept = (base.mean, base.std)
    names = {scale: name for name, scale in _conventions(base.channels).items()}
    first = names.get(kept, KNOWN)
    if given is not None:
        check_scale(*given)
        kept = (followed(given[0], base.channels), followed(given[1], base.channels))
        first = GIVEN
        if known:
            names = {(base.mean, base.std): KNOWN, **names}
    elif known:
        reason = f"Pixels are scaled to {first}, as they were when the weights were learnt."
        return ChosenPreprocessing(base, first, {}, "none", reason)
    tried = {first: kept} | {name: scale for scale, name in names.items() if scale != kept}
    found = measured(network, images, base, tried)
    best = first if given is not None else found.better(first, CHANCE)
    mean, std = tried[best]
    return ChosenPreprocessing(
        replace(base, mean=mean, std=std),
        best,
        found.scores,
        found.measure,
        f"Pixels are scaled to {best}: {_told(found, best)}.",
        _doubt(found, best),
    )


def _told(measured: Measured, best: str) -> str:
    if not measured.scores:
        return "too few labelled images to measure it"
    ordered = sorted(measured.scores.items(), key=lambda item: item[1])
    others = ", ".join(f"{score:.2g} with {name}" for name, score in ordered if name != best)
    what = (
        "the divergence of what its first norms see from what they saw while they learnt is"
        if measured.measure == "statistics"
        else "the log loss of a logistic regression on its features is"
    )
    return f"{what} {measured.scores[best]:.2g} there, {others}"


def _doubt(measured: Measured, best: str) -> str:
    if (other := measured.better(best, CLEAR)) != best:
        return (
            f"The weights fit images scaled to {other} clearly better than to {best}: "
            f"{_told(measured, best)}. Leave out --mean and --std unless they are sure."
        )
    if measured.measure == "statistics" and measured.scores[best] > STRANGE:
        return (
            "No usual scaling of pixels gives the first norms of these weights what they saw "
            f"while they learnt: {_told(measured, best)}. Give --mean and --std if they are known."
        )
    return ""


def _conventions(channels: int) -> dict[str, Scale]:
    return {
        name: (followed(mean, channels), followed(std, channels))
        for name, (mean, std) in CONVENTIONS.items()
    }


def _said(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4g}" for value in values)

"""Why a network does not take an input: the module that refuses it, and the smallest fix."""

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from striate.errors import ShapeError
from striate.shapes import Shape, written


def refusal(
    network: nn.Module,
    input_shapes: Sequence[Shape],
    name: str,
    module: nn.Module,
    given: Tensor | None,
    error: Exception,
) -> ShapeError:
    """The error for a person.

    Args:
        name, module: what was running.
        given: what it was given, [N, C, …] or [N, features].
        error: what torch said.
    """
    images = " and ".join(map(written, input_shapes))
    who = (
        f"{type(network).__name__} cannot take an input of {images}: its module "
        f"{name or '(itself)'!r} ({type(module).__name__})"
    )
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "is too small" in said or "can't be greater" in said:
        return ShapeError(
            "summary-pooled-away",
            f"{who} says: nothing is left of the image there ({said}).",
            "Take larger images, a smaller kernel, or fewer strides and poolings before it.",
        )
    if found := _misfit(module, given):
        what, fix = found
        return ShapeError("shape-module-misfit", f"{who} {what}.", fix)
    return ShapeError(
        "shape-network-refuses", f"{who} says: {said}.", "Shapes are (height, width, channels)."
    )


def _misfit(module: nn.Module, given: Tensor | None) -> tuple[str, str] | None:
    """What a module of fixed width gets instead, and what to change; None where it fits."""
    if given is None or given.ndim < 2:
        return None
    if isinstance(module, nn.Linear):
        return _misfit_of_linear(module, given)
    channels = given.shape[1]
    if isinstance(module, _ConvNd) and given.ndim == 2:
        return (
            f"needs a feature map and gets a vector of {channels:,} features",
            "Put it before Flatten and Linear.",
        )
    option = {_ConvNd: "in_channels", _BatchNorm: "num_features"}
    for kind, width in option.items():
        if isinstance(module, kind) and getattr(module, width) != channels:
            return (
                f"takes {getattr(module, width)} channels and gets {channels}",
                f"Give it {width}={channels}, or an input of {getattr(module, width)} channels.",
            )
    return None


def _misfit_of_linear(module: nn.Linear, given: Tensor) -> tuple[str, str] | None:
    got = given.shape[-1]
    if got == module.in_features:
        return None
    if given.ndim == 2:
        return (
            f"takes {module.in_features} features and gets {got}",
            f"Give it in_features={got}, or images of another size.",
        )
    channels, *rest = given.shape[1:]
    features = prod(given.shape[1:])
    also = "" if features == module.in_features else f" and give it in_features={features}"
    return (
        f"takes a vector of {module.in_features} features and gets a feature map of "
        f"{written((*rest, channels))}",
        f"Put torch.nn.Flatten() before it{also}.",
    )

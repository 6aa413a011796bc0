"""What a request to explain chooses: methods, target, layer and measures, checked before any
picture is read."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from striate.answering import Answering
from striate.errors import UsageError, unknown_name
from striate.explain import METHODS, Explanation, overlay
from striate.explain.explanation import FAILS, crossed_out
from striate.explain.pictures import Picture
from striate.explain.quality import MEASURES
from striate.explaining import Seen, Target, explain_seen, layer_path
from striate.tasks.explain_request import ExplainRequest

FULL_COLOUR = 99.0  # percentile of a map's absolute values that has its full colour


@dataclass(frozen=True)
class Choices:
    """Names that are known to mean something.

    Args:
        layer: dotted, for those methods that look at one layer; None: each finds its own.
    """

    methods: tuple[str, ...]
    target: Target
    layer: str | None
    quality: tuple[str, ...]

    def explain(
        self, answering: Answering, seen: Seen, method: str, target: Target = None
    ) -> Explanation:
        """One method's maps of some images, with the measures that were asked for.

        Args:
            target: outranks the target that was chosen.
        """
        return explain_seen(
            answering,
            seen,
            method,
            self.target if target is None else target,
            self.layer if takes_layer(method) else None,
            measures=self.quality,
        )


def choices_of(request: ExplainRequest, answering: Answering) -> Choices:
    """Look up every name of the request.

    Raises:
        UnknownName: no method, measure, class or layer is named so.
        UsageError: none of the methods looks at a layer, and one is named.
    """
    methods = listed("method", request.method, METHODS)
    layer = request.layer
    if layer is not None:
        if not any(map(takes_layer, methods)):
            raise UsageError(
                "explain-layer-unused",
                f"--layer {layer}: {', '.join(methods)} looks at no single layer.",
                f"Leave --layer out, or add one of {', '.join(filter(takes_layer, METHODS))}.",
            )
        layer = layer_path(answering.network, layer)
    measures = listed("measure", request.quality, MEASURES) if request.quality else ()
    return Choices(methods, _target(request.target, answering), layer, measures)


def listed(kind: str, text: str, known: Iterable[str]) -> tuple[str, ...]:
    """The names in a text with commas, each once.

    Raises:
        UnknownName: one of them is not known.
        UsageError: there is none.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known = list(known)
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known)
    if not names:
        raise UsageError("explain-nothing-named", f"No {kind} is named in {text!r}.")
    return names


def takes_layer(method: str) -> bool:
    """Whether a method looks at one layer."""
    return "layer" in inspect.signature(METHODS[method]).parameters


def _target(target: str | None, answering: Answering) -> Target:
    """A class by name, or by number where no class is named so."""
    if target is None:
        return None
    if target in answering.classes:
        return target
    if target.isdecimal():
        return int(target)
    raise unknown_name("class", target, answering.classes)


def shown_map(picture: Picture, explained: Explanation, index: int) -> Picture:
    """A map over its picture; crossed out where it fails the randomisation check.

    The strongest hundredth of the pixels shares the full colour: in maps of single pixels a few are
    so strong that nothing else would be seen.
    """
    heat = explained.maps[index].float().numpy()
    most = float(np.percentile(np.abs(heat), FULL_COLOUR))
    laid = overlay(picture, heat.clip(-most, most) if most > 0 else heat)
    return crossed_out(laid) if explained.fails_randomisation else laid


def spoken(explained: Explanation) -> str:
    """The method as people read it, and whether it fails the randomisation check."""
    fails = f" – {FAILS}" if explained.fails_randomisation else ""
    return explained.method.replace("_", " ") + fails

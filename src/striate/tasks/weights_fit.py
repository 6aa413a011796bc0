"""Which architectures of the zoo take a file of weights whole."""

import math
import re
from collections.abc import Mapping

from torch import Tensor

from striate import zoo
from striate.errors import StriateError
from striate.nn.outline import outline
from striate.nn.stages import answer_path
from striate.zoo.foreign import NAMES

ALIKE = 2.0  # in an unnamed architecture's number of weights, which its last layer may change
OTHER = -1  # a number of classes that is not the architecture's own
TRIED = 20  # architectures at most that an unnamed file is held against


def candidates(state: Mapping[str, Tensor]) -> str:
    """Which architectures the weights fit, in a sentence; those of about their number are tried."""
    count = sum(
        tensor.numel()
        for name, tensor in state.items()
        if tensor.is_floating_point() and not re.search("running_|moving_", name)
    )
    apart = {
        name: abs(math.log(spec.params / max(count, 1)))
        for name, spec in zoo.ARCHITECTURES.items()
        if zoo.family_of(name) in NAMES
    }
    near = sorted((name for name in apart if apart[name] < math.log(ALIKE)), key=apart.__getitem__)
    fits = [name for name in near[:TRIED] if outputs_of(name, state) is not None]
    if not fits:
        return "No architecture of the zoo takes them whole; striate zoo lists all."
    return f"They fit {' and '.join(fits)} whole."


def outputs_of(name: str, state: Mapping[str, Tensor]) -> int | None:
    """How many classes the weights tell apart, if they fit the architecture whole: those that it
    has by default, or `OTHER`."""
    with outline():  # shapes only: no memory, no arithmetic
        network = zoo.create(name)
    try:
        report = zoo.load_foreign_state(network, state)
    except StriateError:
        return None
    answer = answer_path(network)
    kept = [each for each in report.fresh if not each.startswith("auxiliary.")]
    if report.unused or report.adapted or any(not each.startswith(answer) for each in kept):
        return None
    return OTHER if kept else zoo.ARCHITECTURES[name].classes

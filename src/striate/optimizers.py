"""How weights follow gradients, by the names and defaults of Keras.

    model.compile(optimizer=optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True))

They are data: torch's own optimizers do the work.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, ClassVar

from striate.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Optimizer:
    """What `compile` takes; `name` is how files and `get` know it."""

    name: ClassVar[str]

    learning_rate: float

    def __post_init__(self) -> None:
        for option, value in asdict(self).items():
            rule, holds = _RULES[option]
            plain = isinstance(value, bool) == (option == "nesterov")
            if not (plain and isinstance(value, int | float) and holds(value)):
                raise UsageError(
                    "train-optimizer-option",
                    f"{type(self).__name__}: {option} must be {rule}, got {value!r}.",
                )

    def to_json(self) -> dict[str, Any]:
        """Its name and options, which `get` takes back."""
        return {"optimizer": self.name, **asdict(self)}

    def settings(self) -> dict[str, Any]:
        """The settings of a training recipe that mean this optimizer."""
        options: dict[str, Any] = {"momentum": 0.0, "weight_decay": 0.0, **asdict(self)}
        return {"optimizer": self.name, **{_RECIPE.get(k, k): v for k, v in options.items()}}


_RECIPE = {"beta_1": "beta1", "beta_2": "beta2"}  # how a recipe spells it
_POSITIVE = ("above 0", lambda value: 0 < value < inf)
_FRACTION = ("a fraction, 0 or more and below 1", lambda value: 0 <= value < 1)
_RULES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": _POSITIVE,
    "epsilon": _POSITIVE,
    "weight_decay": ("0 or more", lambda value: 0 <= value < inf),
    "momentum": _FRACTION,
    "beta_1": _FRACTION,
    "beta_2": _FRACTION,
    "rho": _FRACTION,
    "nesterov": ("True or False", lambda _: True),
}


@dataclass(frozen=True)
class SGD(Optimizer):
    """w -= rate * v, with v = momentum * v + gradient.

    Args:
        momentum: fraction 0..1 of the last step that is kept.
        nesterov: look ahead along the momentum; needs some.
        weight_decay: per step, times the rate; norms and biases have none.
    Source: Sutskever et al. 2013, "On the importance of initialization and momentum".
    """

    name = "sgd"

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise UsageError(
                "train-optimizer-option",
                "SGD: nesterov=True needs momentum above 0, got momentum=0.",
                "SGD(momentum=0.9, nesterov=True)",
            )


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps of the size of the rate: running mean of gradients over the root of their squares.

    Args:
        beta_1, beta_2: fraction 0..1 of the running means that a step keeps.
        epsilon: added to the root.
    Source: Kingma and Ba 2015, "Adam", arXiv:1412.6980, algorithm 1.
    """

    name = "adam"

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam whose weights also decay by rate * weight_decay a step, norms and biases excepted.

    Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2.
    """

    name = "adamw"

    learning_rate: float = 1e-3
    weight_decay: float = 4e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradients over the root of the running mean of their squares.

    Args:
        rho: fraction 0..1 of the running mean that a step keeps.
    Source: Hinton 2012, "Neural Networks for Machine Learning", lecture 6e.
    Differs: epsilon is added to the root, as torch does; Keras adds it under the root.
    """

    name = "rmsprop"

    learning_rate: float = 1e-3
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps in the units of the weights: root of their running squares over that of gradients.

    Source: Zeiler 2012, "ADADELTA", arXiv:1212.5701, algorithm 1.
    Differs: the rate is 1 as in the paper; Keras has 0.001.
    """

    name = "adadelta"

    learning_rate: float = 1.0
    rho: float = 0.95
    epsilon: float = 1e-7


OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (SGD, Adam, AdamW, RMSprop, Adadelta)
}


def get(optimizer: str | dict[str, Any] | Optimizer) -> Optimizer:
    """An optimizer by its name in `OPTIMIZERS`, from `Optimizer.to_json`, or as it is.

    Raises:
        UnknownName: no optimizer has that name.
        UsageError: it has no such option, or is no optimizer of ours.

    >>> get("Adam")
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str | dict):
        raise UsageError(
            "train-bad-optimizer",
            "compile: optimizer must be a name or one of striate.optimizers, got "
            f"{getattr(optimizer, '__name__', type(optimizer).__name__)}.",
            f"For example optimizers.Adam(learning_rate=1e-3). Names: {', '.join(OPTIMIZERS)}.",
        )
    given: dict[str, Any] = {"optimizer": optimizer} if isinstance(optimizer, str) else optimizer
    options = {key: value for key, value in given.items() if key != "optimizer"}
    name = str(given.get("optimizer"))
    if name.lower() not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    try:
        return OPTIMIZERS[name.lower()](**options)
    except TypeError as error:
        raise UsageError("train-bad-optimizer", f"{name}: {error}.") from error

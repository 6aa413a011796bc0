"""The knobs of the recipe that were left open, chosen for the data, each with its reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from striate.predictions import Task
from striate.training import Recipe

SMALL = 64  # pixels: images up to this side are used at their own size
FEW = 2_000  # photographs: fewer need a stronger decay of weights
IMAGES_TO_SEE = 250_000  # in one training, all epochs together, within these limits
IMAGES_TO_TUNE, EPOCHS_TUNED = 20_000, (5, 30)  # likewise, from given weights
EPOCHS_SMALL, EPOCHS_LARGE = (5, 50), (10, 60)  # least and most: small images, photographs
SHORT, HASTY = 2, 64  # epochs up to which small images want more steps, and batches for it
RATE = 0.2 / 128  # of sgd, per image of a batch, for networks with batch normalisation
UNEVEN = 3  # times as many images of the commonest class as of the rarest
SIDED = re.compile(r"(^|[^a-z])(left|right)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Facts:
    """What the choices rest on.

    Args:
        train: training images.
        counts: training images of each class; empty for regression.
        height, width: the one size of all images, or the median of each, in pixels.
        one_size: all images have the same size.
        channels: the most that an image has.
        side: the longer side of what the network sees, in pixels.
        normalised: the network has batch normalisation or its like.
    """

    task: Task
    classes: tuple[str, ...]
    train: int
    counts: tuple[int, ...]
    height: int
    width: int
    one_size: bool
    channels: int
    side: int = 0
    normalised: bool = True

    @property
    def small(self) -> bool:
        return self.side <= SMALL


@dataclass
class Choices:
    """Values for the open knobs, and sentences that say why."""

    recipe: Recipe
    values: dict[str, Any] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def choose(self, reason: str = "", **values: Any) -> None:
        """Take these values for the knobs that are open; keep the reason if any of them is."""
        taken = {k: v for k, v in values.items() if getattr(self.recipe, k) in (None, "auto")}
        self.values |= taken
        if taken and reason:
            self.reasons.append(reason)


def choose_recipe(recipe: Recipe, facts: Facts) -> Choices:
    """Every knob that depends on the data. What was asked for stays."""
    choices = Choices(recipe)
    _length(choices, facts)
    if is_short(recipe, facts.side):
        _haste(choices)
    _optimizer(choices, facts)
    _augmentation(choices, facts)
    _imbalance(choices, facts)
    choices.choose(workers=2)
    return choices


def choose_tuned(recipe: Recipe, facts: Facts, *, by_steps: bool = True) -> Choices:
    """Those of a training from given weights; the learning rate depends on what is tuned.

    Args:
        by_steps: whether there will be epochs, or scikit-learn fits the head at once.
    """
    choices = Choices(recipe)
    epochs = int(np.clip(round(IMAGES_TO_TUNE / facts.train), *EPOCHS_TUNED)) if by_steps else 1
    why = f"{epochs} epochs: {epochs * facts.train:,} images seen." if by_steps else ""
    choices.choose(why, epochs=epochs)
    choices.choose(batch_size=int(np.clip(2 ** round(np.log2(facts.train / 10)), 16, 128)))
    choices.choose(optimizer="adamw", weight_decay=0.01)
    _augmentation(choices, facts)
    _imbalance(choices, facts)
    choices.choose(workers=2)
    return choices


def is_short(recipe: Recipe, side: int) -> bool:
    """Whether so few epochs of small images were asked for that hardly one is seen again."""
    return side <= SMALL and recipe.epochs is not None and recipe.epochs <= SHORT


def has_normalisation(network: nn.Module) -> bool:
    """Whether activations are kept in range, so that high learning rates are safe."""
    kinds = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
    return any(isinstance(module, kinds) for module in network.modules())


def _length(choices: Choices, facts: Facts) -> None:
    least, most = EPOCHS_SMALL if facts.small else EPOCHS_LARGE
    epochs = int(np.clip(round(IMAGES_TO_SEE / facts.train), least, most))
    choices.choose(f"{epochs} epochs: {epochs * facts.train:,} images seen in all.", epochs=epochs)
    choices.choose(batch_size=int(np.clip(2 ** round(np.log2(facts.train / 10)), 16, 128)))


def _haste(choices: Choices) -> None:
    """Nothing is learnt by heart in an epoch or two: no need of changes that guard against it."""
    batch = min(choices.values.get("batch_size", HASTY), HASTY)
    choices.choose(f"Batches of {batch}: few epochs want more steps.", batch_size=batch)
    choices.choose("No random shifts: in few epochs hardly an image comes again.", crop="none")


def _optimizer(choices: Choices, facts: Facts) -> None:
    asked = choices.recipe
    if asked.optimizer is None and not facts.normalised:
        choices.choose(
            "The optimizer is adamw: without batch normalisation sgd needs a rate of its own.",
            optimizer="adamw",
        )
    else:
        choices.choose(optimizer="sgd")
    if asked.optimizer in (None, "sgd") and facts.normalised:
        batch = (asked.batch_size or choices.values["batch_size"]) * asked.accumulate
        few = facts.train < FEW and not facts.small
        choices.choose(learning_rate=round(RATE * batch, 4), weight_decay=5e-3 if few else 5e-4)


def _augmentation(choices: Choices, facts: Facts) -> None:
    flip = may_flip(facts.classes)
    why = "a mirrored picture means the same" if flip else "mirrored, a sign is another sign"
    state = "on" if flip else "off"
    choices.choose(f"Mirroring is {state}: {why}, judging by the class names.", flip=state)
    crop = choices.values.get("crop", "shift" if facts.small else "resized")
    choices.choose(crop=crop)
    choices.choose(color_jitter=0.0 if facts.small or facts.channels != 3 else 0.2)
    choices.choose(randaugment=0, erasing=0.0, mixup=0.0, cutmix=0.0)


def may_flip(classes: Sequence[str]) -> bool:
    """Whether mirroring keeps the labels: not for characters, nor where sides are named."""
    characters = all(len(name) == 1 for name in classes)
    return not characters and not any(SIDED.search(name) for name in classes)


def _imbalance(choices: Choices, facts: Facts) -> None:
    present = [count for count in facts.counts if count]
    uneven = bool(present) and max(present) > UNEVEN * min(present)
    if uneven and facts.task == "single_label":
        choices.choose(
            f"Rare classes weigh more in the loss: the commonest has {max(present):,} training "
            f"images, the rarest {min(present):,}.",
            imbalance="weights",
        )
    choices.choose(imbalance=choices.values.get("imbalance", "none"))

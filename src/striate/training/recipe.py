"""Every knob of training, with its meaning, unit and range, once.

Command-line flags, forms, documentation and checks are read from the fields. `None` and `"auto"`
mean "chosen for the data"; what was chosen is written into the run's `recipe.yaml`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from striate.errors import UsageError, unknown_name

Optimizer = Literal["sgd", "adam", "adamw", "rmsprop", "adadelta"]
Schedule = Literal["one_cycle", "cosine", "step", "constant"]
Imbalance = Literal["auto", "weights", "sampler", "focal", "none"]
Amp = Literal["auto", "off", "bf16", "fp16"]
Crop = Literal["auto", "none", "shift", "resized"]

LEARNING_RATES: Mapping[Optimizer, float] = {
    "sgd": 0.05, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "adadelta": 1.0,
}  # fmt: skip
WEIGHT_DECAYS: Mapping[Optimizer, float] = {
    "sgd": 5e-4, "adam": 0.0, "adamw": 0.05, "rmsprop": 0.0, "adadelta": 0.0,
}  # fmt: skip
WARMUPS: Mapping[Schedule, float] = {
    "one_cycle": 0.25, "cosine": 0.05, "step": 0.05, "constant": 0.0,
}  # fmt: skip
UNIMPORTANT = frozenset({"workers", "checkpoint_every", "checkpoint_steps"})  # change no number


def knob(default: Any, help: str, *flags: str, unit: str = "", **limits: Any) -> Any:
    """A field with its help text, unit, range (`gt`, `ge`, `lt`, `le`) and command-line flags."""
    extra: dict[str, Any] = {"flags": list(flags), "unit": unit}
    return Field(default, description=help, json_schema_extra=extra, **limits)


class Recipe(BaseModel):
    """How to train: frozen, validated, and complete once `settled`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int | None = knob(
        None, "Passes over the training images.", "--epochs", "-e", unit="epochs", ge=1
    )
    batch_size: int | None = knob(
        None, "Images per batch.", "--batch-size", "-b", unit="images", ge=1
    )
    optimizer: Optimizer | None = knob(
        None, "How weights follow gradients.", "--optimizer", "--opt"
    )
    learning_rate: float | None = knob(None, "Peak learning rate.", "--learning-rate", "--lr", gt=0)
    momentum: float = knob(0.9, "Momentum of sgd and rmsprop.", "--momentum", ge=0, lt=1)
    nesterov: bool = knob(True, "Whether sgd's momentum looks ahead.", "--nesterov")
    beta1: float = knob(0.9, "Memory of adam's mean gradient.", "--beta1", ge=0, lt=1)
    beta2: float = knob(0.999, "Memory of adam's mean square.", "--beta2", ge=0, lt=1)
    rho: float | None = knob(
        None, "Memory of rmsprop's and adadelta's mean square; unset is torch's default.",
        "--rho", ge=0, lt=1,
    )  # fmt: skip
    epsilon: float | None = knob(
        None, "What adaptive optimizers add to a root; unset is torch's default.", "--epsilon", gt=0
    )
    weight_decay: float | None = knob(
        None, "Decay of weights; norms and biases have none.", "--weight-decay", "--wd", ge=0
    )
    layer_decay: float | None = knob(
        None, "Factor on the learning rate from one stage to the one before it; unset means 1.",
        "--layer-decay", gt=0, le=1,
    )  # fmt: skip
    schedule: Schedule = knob(
        "one_cycle", "Course of the learning rate.", "--schedule", "--sched", "--lr-scheduler"
    )
    warmup: float | None = knob(
        None, "Share of all steps in which the rate rises.", "--warmup", unit="fraction", ge=0, lt=1
    )
    label_smoothing: float = knob(
        0.0, "Share of each target spread over all classes.",
        "--label-smoothing", "--smoothing", unit="fraction", ge=0, lt=1,
    )  # fmt: skip
    imbalance: Imbalance = knob("auto", "What to do about rare classes.", "--imbalance")
    focal_gamma: float = knob(
        2.0, "How much focal loss mutes what is already right.", "--focal-gamma", ge=0
    )
    huber_delta: float | None = knob(
        None, "Regression: error above which Huber loss is linear; unset means squared error.",
        "--huber-delta", unit="target units", gt=0,
    )  # fmt: skip
    clip_norm: float | None = knob(
        None, "Largest norm of a step's gradient.", "--clip-norm", "--clip-grad", gt=0
    )
    accumulate: int = knob(
        1, "Batches whose gradients are summed into one step.", "--accumulate", unit="batches", ge=1
    )
    ema: float | None = knob(
        None, "Decay of the moving average of weights; unset means no average.",
        "--ema", "--model-ema", unit="per step", gt=0, lt=1,
    )  # fmt: skip
    patience: int | None = knob(
        None, "Epochs without improvement on validation before stopping.",
        "--patience", unit="epochs", ge=1,
    )  # fmt: skip
    amp: Amp = knob("auto", "Mixed precision, on a GPU.", "--amp")
    flip: Literal["auto", "on", "off"] = knob("auto", "Mirror images left to right.", "--flip")
    crop: Crop = knob("auto", "Random crops: small shifts, or crops of random size.", "--crop")
    color_jitter: float | None = knob(
        None, "Strength of brightness, contrast and colour changes.",
        "--color-jitter", unit="fraction", ge=0, le=1,
    )  # fmt: skip
    randaugment: int | None = knob(
        None, "Operations of RandAugment per image.", "--randaugment", "--aa", ge=0, le=10
    )
    erasing: float | None = knob(
        None, "Chance that a rectangle is erased.",
        "--erasing", "--random-erase", "--reprob", unit="fraction", ge=0, le=1,
    )  # fmt: skip
    mixup: float | None = knob(None, "Alpha of mixup; 0 is off.", "--mixup", ge=0)
    cutmix: float | None = knob(None, "Alpha of CutMix; 0 is off.", "--cutmix", ge=0)
    workers: int | None = knob(
        None, "Threads that prepare batches ahead.", "--workers", "-j", unit="threads", ge=0, le=256
    )
    seed: int = knob(0, "Fixes every random number of the training.", "--seed", ge=0, lt=2**63)
    device: str = knob("auto", "auto, cpu, cuda, cuda:1, mps …", "--device")
    checkpoint_every: float = knob(
        60.0, "Time between checkpoints within an epoch.",
        "--checkpoint-every", unit="seconds", gt=0,
    )  # fmt: skip
    checkpoint_steps: int | None = knob(
        None, "Steps between checkpoints within an epoch, besides the time.",
        "--checkpoint-steps", unit="steps", ge=1,
    )  # fmt: skip

    def settled(self) -> "Recipe":
        """The same recipe with what the loop needs filled in by rules that know no data."""
        optimizer: Optimizer = self.optimizer or "adamw"
        chosen = {
            "epochs": 10,
            "batch_size": 64,
            "optimizer": optimizer,
            "learning_rate": LEARNING_RATES[optimizer],
            "weight_decay": WEIGHT_DECAYS[optimizer],
            "warmup": WARMUPS[self.schedule],
        }
        missing = {key: value for key, value in chosen.items() if getattr(self, key) is None}
        return self.model_copy(update=missing)


def parse_recipe(values: Mapping[str, Any], where: str = "recipe") -> Recipe:
    """A recipe from plain values (YAML, flags, JSON).

    Raises:
        UnknownName: no knob has that name; the nearest names are given.
        UsageError: a value has the wrong type or is out of range; all such values are told.
    """
    for name in values:
        if name not in Recipe.model_fields:
            raise unknown_name(f"setting of the {where}", name, Recipe.model_fields)
    try:
        return Recipe.model_validate(dict(values))
    except ValidationError as error:
        wrong = [_told(entry["loc"][0], entry["msg"], entry["input"]) for entry in error.errors()]
        raise UsageError(
            "usage-recipe", f"{where}: {'; '.join(wrong)}.", "Change it and start again."
        ) from None


def changed_settings(old: Mapping[str, Any], new: Recipe) -> list[str]:
    """What differs from an earlier recipe and can change numbers, as `"momentum: 0 → 0.9"`."""
    now = new.model_dump()
    names = [name for name in now if name not in UNIMPORTANT and name in old]
    return [f"{name}: {old[name]} → {now[name]}" for name in names if old[name] != now[name]]


def _told(name: int | str, message: str, value: Any) -> str:
    return f"{name} = {value!r}: {message[0].lower()}{message[1:]}"

"""Errors of a step, told in terms of the person's files and settings."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from striate.errors import StriateError, TrainingError
from striate.training.batches import Batch
from striate.training.learner import Learner
from striate.training.recipe import Recipe
from striate.training.step import NotFinite

SHOWN = 20  # file names in one message
OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")
NameOf = Callable[[int], str]  # record number -> id
Test = Callable[[Learner, Batch], Tensor]  # whether each image is fine, [N] bool


def not_finite(
    learner: Learner,
    group: Sequence[Batch],
    fault: NotFinite,
    place: str,
    recipe: Recipe,
    name_of: NameOf,
) -> TrainingError:
    """The error for a loss or gradient that is no number, naming the images that explain it."""
    lost = not math.isfinite(fault.loss)
    what = f"the loss is {fault.loss}" if lost else f"the gradient's norm is {fault.gradient_norm}"
    records = _everywhere(learner, [int(r) for batch in group for r in batch.indices])
    reason, guilty = _suspects(learner, group)
    if guilty:
        who = f"Of its {len(records)} images, {len(guilty)} {reason}"
        fix = "Look at these files and their labels; repair them or leave them out."
    else:
        who, rate = "No image of its batch explains it alone", recipe.learning_rate or 0.0
        fix = f"Lower the learning rate ({rate:g}: try --lr {rate / 10:g}) or use --clip-norm 1."
    return TrainingError(
        "train-non-finite",
        f"Training stopped before the update of {place}: {what}. "
        f"{who}: {_names(guilty or records, name_of)}. The weights are as they were.",
        fix,
    )


@contextmanager
def telling_out_of_memory(recipe: Recipe) -> Iterator[None]:
    """Turn what torch raises when memory runs out into an error that says what to change."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, StriateError) or not _is_out_of_memory(error):
            raise
        raise _out_of_memory(recipe, error) from error


def _out_of_memory(recipe: Recipe, error: Exception) -> TrainingError:
    size = recipe.batch_size or 1
    reason = (str(error) or type(error).__name__).splitlines()[0]
    smaller = (
        f"Use --batch-size {size // 2} --accumulate {2 * recipe.accumulate}: "
        "the same step in half the memory."
    )
    return TrainingError(
        "train-out-of-memory",
        f"Memory ran out in a batch of {size} images: {reason}.",
        smaller if size > 1 else "Use smaller images or a smaller network.",
    )


def _is_out_of_memory(error: Exception) -> bool:
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(words in str(error) for words in OUT_OF_MEMORY)


def _suspects(learner: Learner, group: Sequence[Batch]) -> tuple[str, list[int]]:
    """The first reason that holds for some images, and these; none where the weights are to blame.

    Outputs that are bad for every image accuse the weights, not the images.
    """
    everyone = len(_everywhere(learner, [r for batch in group for r in batch.indices]))
    learner.network.eval()  # so that images do not meet in a batch norm
    for reason, test, may_be_all in REASONS:
        with torch.no_grad():
            guilty = [
                int(record)
                for batch in group
                for record, fine in zip(batch.indices, test(learner, batch).tolist(), strict=True)
                if not fine
            ]
        guilty = _everywhere(learner, guilty)
        if guilty and (may_be_all or len(guilty) < everyone):
            return reason, guilty
    return "", []


def _everywhere(learner: Learner, records: list[int]) -> list[int]:
    """The records of all processes that share the step."""
    if learner.shared is None:
        return records
    return [record for some in learner.shared.ranks.gathered(records) for record in some]


def _images_finite(_: Learner, batch: Batch) -> Tensor:
    return _each_finite(batch.images)


def _targets_finite(_: Learner, batch: Batch) -> Tensor:
    return _each_finite(batch.targets)


def _outputs_finite(learner: Learner, batch: Batch) -> Tensor:
    return _each_finite(learner.network(batch.images))


def _gradients_finite(learner: Learner, batch: Batch) -> Tensor:
    """One backward pass per image, of its loss alone."""
    fine = []
    for i in range(len(batch.images)):
        one = slice(i, i + 1)
        with torch.enable_grad():
            outputs = learner.network(batch.images[one])
            weights = None if batch.weights is None else batch.weights[one]
            loss = learner.objective(outputs, batch.targets[one], weights)
            gradients = torch.autograd.grad(loss, learner.weights, allow_unused=True)
        norm = get_total_norm([g for g in gradients if g is not None])
        fine.append(torch.isfinite(loss) & torch.isfinite(norm))
    return torch.stack(fine)


def _each_finite(values: Tensor) -> Tensor:
    """[N, ...] -> bool [N]."""
    return torch.isfinite(values.reshape(len(values), -1)).all(dim=1)


def _names(records: Sequence[int], name_of: NameOf) -> str:
    more = f" and {len(records) - SHOWN} more" if len(records) > SHOWN else ""
    return ", ".join(name_of(record) for record in records[:SHOWN]) + more


REASONS: tuple[tuple[str, Test, bool], ...] = (
    ("have pixels that are no finite numbers", _images_finite, True),
    ("have labels that are no finite numbers", _targets_finite, True),
    ("make the network give what is no finite number", _outputs_finite, False),
    ("have a loss or a gradient that is no finite number", _gradients_finite, False),
)

"""The probability of a class as a score."""

from collections.abc import Sequence

from torch import Tensor

from striate.explain._score import Score, class_score


def class_probability(
    target: int | Sequence[int] | Tensor, temperature: float = 1.0, *, several: bool = False
) -> Score:
    """The probability of one class, the same for all images or one per image.

    Maps are made from logits, as methods are defined; what a network answers when pixels are
    taken away is best judged by probabilities, which are the same for all networks: 0..1.

    Args:
        temperature: logits are divided by it.
        several: an image may be of several classes: a sigmoid each instead of a softmax.
    """
    logit = class_score(target)

    def score(logits: Tensor) -> Tensor:
        cooled = logits / temperature
        return logit(cooled.sigmoid() if several else cooled.softmax(dim=1))

    return score

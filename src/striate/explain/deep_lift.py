"""DeepLIFT: how much each pixel's difference from a baseline contributes to the score's."""

from functools import partial

import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain import _operations as kinds
from striate.explain._gradient import baselines, check_counts, parts, plain
from striate.explain._hooks import uncompiled
from striate.explain._multipliers import RULES, SINGLE, Case, Shares
from striate.explain._score import Score, of_part
from striate.explain._tape import Step, Tape, followed_back, mixes_images, no_rule, recorded

FIX = "Take another method: input_x_gradient and integrated_gradients need no rules."


def deep_lift(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    baseline: Tensor | float = 0.0,
    batch_size: int = 16,
) -> Tensor:
    """The difference of the score from its baseline, handed back by the rescale rule.

        map = sum_c multiplier * (image - baseline)
        multiplier of y = f(x):         (y - y') / (x - x'), where x = x' the derivative of f
        multipliers of y = x1 * x2:     the mean of x2 and x2', the mean of x1 and x1'
        of a maximum, to the largest:   (max(y, y') - y') / (x - x')
                      and to x' largest: (y - max(y, y')) / (x - x')

    Linear operations hand multipliers on as they do gradients; layer normalisation and softmax are
    taken as the sums, products and roots that they are. So nothing is lost: the sum of a map is
    the score's difference from that of the baseline, gates and attention included.

    Shape: images [N, C, H, W] -> map [N, H, W], signed.
    Args:
        score: what to explain; any function of the output, for its operations are followed too.
        baseline: the image with which each is compared: a number, [C, H, W] or [N, C, H, W].
        batch_size: images at a time; each needs the memory of a training step without weights.
    Raises:
        ExplainError: an operation on the way has no rule, the network takes another way for the
            baseline than for the images, or the shares do not add up in the images' precision.
        ShapeError: images are not floating-point [N, C, H, W], or the baseline has another shape.
    Source: Shrikumar et al. 2017, "Learning Important Features Through Propagating Activation
        Differences", arXiv:1704.02685, sections 3.2-3.5.1 (rescale); the maximum and the product,
        which the paper leaves open: the mean over both orders in which the two may change
        (Shapley), as Lundberg & Lee 2017, arXiv:1705.07874, section 4.2.
    """
    network = uncompiled(network)
    check_counts("deep_lift", batch_size=batch_size)
    with torch.inference_mode(False), torch.no_grad():
        images = plain(images)
        references = baselines(images, baseline)
        maps = [images.new_zeros(0, *images.shape[2:])]
        for part in parts(len(images), batch_size):
            scored = of_part(score, len(images), part)
            maps.append(_explained(network, images[part], references[part], scored))
        return torch.cat(maps)


def _explained(network: nn.Module, images: Tensor, references: Tensor, score: Score) -> Tensor:
    tape, other = recorded(network, images, score), recorded(network, references, score)
    rule = partial(_multipliers, _Twins(tape, other))
    multipliers = followed_back(tape, torch.ones_like(tape.scores), rule)
    maps = (multipliers * (images - references)).sum(dim=1)
    rise, scale = tape.scores - other.scores, tape.scores.abs() + other.scores.abs()
    lost = (maps.sum(dim=(1, 2)) - rise).abs()
    if not bool((lost <= 0.01 * rise.abs() + 1e-3 * scale).all()):  # not finite, too
        raise ExplainError(
            "explain-not-complete",
            f"deep_lift: the shares miss the score's difference from the baseline by up to "
            f"{lost.max().item():.2g}: rounding has eaten them.",
            "Pass images and network in float64, or a baseline that is more like the images.",
        )
    return maps


class _Twins:
    """Every step and live tensor for the images, and the same for the baselines."""

    def __init__(self, tape: Tape, other: Tape) -> None:
        if _way(tape) != _way(other):
            raise ExplainError(
                "explain-other-way",
                "deep_lift: the network takes another way for the baseline than for the images: "
                f"{len(other.steps)} operations, not {len(tape.steps)}, or of other kinds.",
                "Take a baseline that is more like the images.",
            )
        self.tape = tape
        self.twins: dict[int, Step] = {}
        self.references = {id(tape.images): other.images}
        for step, twin in zip(tape.steps, other.steps, strict=True):
            self.twins[id(step)] = twin
            for output, reference in zip(step.outputs, twin.outputs, strict=True):
                self.references[id(output)] = reference

    def case(self, step: Step, given: list[Tensor | None]) -> Case:
        live = self.tape.alive(step)
        references = [self.references[id(tensor)] for tensor in live]
        return Case(step, self.twins[id(step)], live, references, given)


def _way(tape: Tape) -> list[tuple[object, list[torch.Size]]]:
    return [(step.function, [output.shape for output in step.outputs]) for step in tape.steps]


def _multipliers(twins: _Twins, step: Step, given: list[Tensor | None]) -> Shares:
    case = twins.case(step, given)
    if not all(tensor.is_floating_point() for tensor in case.live):
        raise no_rule("deep_lift", step, "decides by values of the image", FIX)
    if step.kind in kinds.BATCH_NORMS and mixes_images(step):
        raise no_rule("deep_lift", step, "mixes the images of a batch, which has no rule", FIX)
    if step.kind in RULES and "rounding_mode" not in step.kwargs:
        return RULES[step.kind](case)
    if step.kind in SINGLE and case.single:
        return SINGLE[step.kind](case)
    raise no_rule("deep_lift", step, "has no rule", FIX)

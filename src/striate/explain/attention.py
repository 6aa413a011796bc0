"""Who looks at whom in networks with attention, and what that makes of the image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain import _operations as kinds
from striate.explain._gradient import check_counts, parts, plain
from striate.explain._score import Score
from striate.explain._tape import Step
from striate.explain._watch import watched

aten = torch.ops.aten


def attention_maps(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """How much every token takes from every other, in every layer with attention and every head.

        weights = softmax(q k^T / sqrt(d)), used as weights @ v

    Found as it runs, a softmax over the last axis that multiplies something: torch's
    MultiheadAttention and scaled_dot_product_attention, and attention written out, alike.

    Shape: images [N, C, H, W] -> by the name of the layer [N, heads, T, S]: T tokens look at S and
        rows add up to 1. With attention in windows, `heads` counts the heads of all windows.
    Raises:
        ExplainError: the network has no attention.
    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1.
    """
    found = _weights(network, images)
    return {name: weights for name, (weights, _) in found.items()}


def _weights(network: nn.Module, images: Tensor) -> dict[str, tuple[Tensor, bool]]:
    """[N, heads, T, S] by name, and whether all tokens of an image are together, not in windows."""
    found: dict[str, tuple[Tensor, bool]] = {}
    softmaxes: dict[int, tuple[str, Tensor]] = {}  # of a softmax or what is made of it
    kept: list[Step] = []  # so that no id is given twice
    modules = dict(network.named_modules())

    def seen(step: Step, name: str) -> None:
        over_last = step.kind in kinds.SOFTMAXES and step.args[1] in (-1, step.outputs[0].ndim - 1)
        if over_last and step.outputs[0].ndim > 2:
            if isinstance(modules.get(name), nn.Softmax):
                name = name.rpartition(".")[0]
            softmaxes[id(step.outputs[0])] = (name, step.outputs[0])
            kept.append(step)
            return
        known = [softmaxes[id(tensor)] for tensor in step.inputs if id(tensor) in softmaxes]
        if known and step.kind in kinds.MOVES:
            softmaxes.update({id(output): known[0] for output in step.outputs})
            kept.append(step)
        elif known and step.kind in (aten.bmm, aten.baddbmm):
            name, weights = known[0]
            runs = sum(other.split(" ")[0] == name for other in found)
            by_image = weights.reshape(len(images), -1, *weights.shape[-2:])
            together = weights.ndim == 3 or len(weights) == len(images)
            if isinstance(module := modules.get(name), nn.MultiheadAttention):
                together = by_image.shape[1] == module.num_heads
            found[f"{name} (run {runs + 1})" if runs else name] = by_image, together
            for key in [key for key, value in softmaxes.items() if value[1] is weights]:
                del softmaxes[key]

    watched(network, images, seen)
    if not found:
        raise ExplainError(
            "explain-no-attention",
            f"{type(network).__name__} has no attention: no softmax that weighs tokens ran.",
            "Gates of channels are found by gates(); other networks by any other method.",
        )
    return found


def attention_rollout(
    network: nn.Module,
    images: Tensor,
    score: Score,  # noqa: ARG001
    *,
    skipped: float = 0.5,
    batch_size: int = 32,
) -> Tensor:
    """How much of each patch reaches the class token, if attention were all there is.

        A_l = (1 - skipped) mean_heads(weights_l) + skipped I
        rollout = A_L ... A_2 A_1, the class token's row; without one, the mean of all rows

    It says what the network mixes and not what speaks for a class: `score` is not used, and every
    class has the same map. Values, and all layers but attention, are left out.

    Shape: images [N, C, H, W] -> map [N, H, W], >= 0, enlarged from the grid of patches.
    Args:
        score: not used; here so that all methods are called alike.
        skipped: share of what passes a layer by its shortcut; the paper takes a half.
        batch_size: images at a time.
    Raises:
        ExplainError: no attention, or tokens that are not in all layers the patches of a grid of
            the image's proportions with at most one class token before them.
    Source: Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", arXiv:2005.00928,
        section 3, eq. 1-2; first shown of images by Dosovitskiy et al. 2020, arXiv:2010.11929.
    """
    check_counts("attention_rollout", batch_size=batch_size)
    with torch.inference_mode(False), torch.no_grad():
        images = plain(images)
        maps = [images.new_zeros(0, *images.shape[2:])]
        for span in parts(len(images), batch_size):
            part = images[span]
            rows = _rolled(_weights(network, part), skipped)
            height, width, others = _grid(rows.shape[1], *images.shape[2:])
            row = rows[:, 0, others:] if others else rows.mean(dim=1)
            grid = row.reshape(len(part), 1, height, width)
            heat = F.interpolate(grid, size=images.shape[2:], mode="bilinear")
            maps.append(heat[:, 0].to(images.dtype))
        return torch.cat(maps)


def _rolled(looks: dict[str, tuple[Tensor, bool]], skipped: float) -> Tensor:
    """[N, T, T] of all layers."""
    shapes = {name: tuple(weights.shape[-2:]) for name, (weights, _) in looks.items()}
    apart = [name for name, (_, together) in looks.items() if not together]
    if apart:
        raise ExplainError(
            "explain-no-rollout",
            f"attention_rollout: layer {apart[0]!r} looks inside windows, and the way from one to "
            "another is in none of its weights.",
            "Look at attention_maps, or take deep_lift, which follows every kind of attention.",
        )
    if len(set(shapes.values())) > 1 or any(rows != columns for rows, columns in shapes.values()):
        seen = ", ".join(f"{name} {rows} x {columns}" for name, (rows, columns) in shapes.items())
        raise ExplainError(
            "explain-no-rollout",
            f"attention_rollout: every layer must mix the same tokens, got {seen[:200]}.",
            "Look at attention_maps, or take deep_lift, which follows every kind of attention.",
        )
    rolled: Tensor | None = None
    for weights, _ in looks.values():
        mean = weights.mean(dim=1)
        whole = torch.eye(mean.shape[1], dtype=mean.dtype, device=mean.device)
        layer = (1 - skipped) * mean + skipped * whole
        rolled = layer if rolled is None else layer @ rolled
    if rolled is None:
        raise AssertionError("attention_maps gives at least one layer")
    return rolled


def _grid(tokens: int, height: int, width: int) -> tuple[int, int, int]:
    """Rows and columns of patches, and how many tokens are before them."""
    for others in (1, 0):
        for patch in range(1, min(height, width) + 1):
            if height % patch == 0 == width % patch:
                rows, columns = height // patch, width // patch
                if rows * columns + others == tokens:
                    return rows, columns, others
    raise ExplainError(
        "explain-no-rollout",
        f"attention_rollout: {tokens} tokens are no grid of patches of {height} x {width} pixels, "
        "with or without a class token.",
        "Look at attention_maps, or take deep_lift, which follows every kind of attention.",
    )

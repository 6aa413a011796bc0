"""Explanations that go back through ReLUs by another rule than the derivative's.

The rules are hung on autograd's record of the forward pass, which every ReLU enters, be it a
module, a function, a method, in place or reused. So the network is not touched, and an activation
for which there is no rule is noticed.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from striate.errors import ExplainError
from striate.explain._gradient import evaluated_gradient, plain
from striate.explain._hooks import uncompiled
from striate.explain._score import Score
from striate.explain.cam import grad_cam

Rule = Callable[[Tensor, Tensor], Tensor]  # (gradient behind the ReLU, what is > 0 where it passes)

RULELESS = {
    "Silu": "SiLU", "Gelu": "GELU", "Mish": "Mish", "Hardswish": "hard-swish", "Elu": "ELU",
    "Celu": "CELU", "LeakyRelu": "leaky ReLU", "PreluKernel": "PReLU", "Tanh": "tanh",
    "RreluWithNoise": "randomised ReLU", "Hardtanh": "ReLU6 or hard tanh", "Softplus": "softplus",
    "Hardshrink": "hard shrinkage", "Softshrink": "soft shrinkage",
}  # fmt: skip


def guided_backprop(network: nn.Module, images: Tensor, score: Score) -> Tensor:
    """The gradient without what speaks against the score: negative values end at every ReLU.

        gradient before a ReLU = gradient behind it where input > 0 and gradient > 0, else 0
        map = sum_c of what arrives at the image

    Shape: images [N, C, H, W] -> map [N, H, W], signed: the first layer's weights are.
    Args:
        score: what to explain, for example `class_score(5)`.
    Raises:
        ExplainError: the network has other activations than ReLU (sigmoid and softmax as gates are
            taken by their derivative), no ReLU at all, or functions with a gradient of their own.
    Source: Springenberg et al. 2015, "Striving for Simplicity", arXiv:1412.6806, section 3.4.
    Differs: what is no ReLU, such as pooling and normalisation, goes back by its derivative. It
        shows edges of the image rather than reasons (Adebayo et al. 2018, arXiv:1810.03292).
    """
    return _gone_back("guided_backprop", network, images, score, _guided)


def deconvnet(network: nn.Module, images: Tensor, score: Score) -> Tensor:
    """What in the image can have raised the score, by running the network backwards.

        gradient before a ReLU = max(gradient behind it, 0), whatever its input was
        map = sum_c of what arrives at the image

    Convolutions are transposed, and maxima return to where they were found (the paper's switches).

    Shape: images [N, C, H, W] -> map [N, H, W], signed: the first layer's weights are.
    Args:
        score: what to explain, for example `class_score(5)`.
    Raises:
        ExplainError: as `guided_backprop`.
    Source: Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks",
        arXiv:1311.2901, section 2.1.
    Differs: starts at the score instead of one unit's activation; what the paper does not know,
        such as normalisation and averages, goes back by its derivative.
    """
    return _gone_back("deconvnet", network, images, score, _rectified)


def guided_grad_cam(
    network: nn.Module, images: Tensor, score: Score, *, layer: str | None = None
) -> Tensor:
    """Guided backpropagation where Grad-CAM finds the class: fine lines, told apart by class.

        map = grad_cam * guided_backprop

    Shape: images [N, C, H, W] -> map [N, H, W], signed.
    Args:
        score: what to explain, for example `class_score(5)`.
        layer: dotted name of the layer for `grad_cam`; None: the last that gives a map.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: as `grad_cam` and `guided_backprop`.
    Source: Selvaraju et al. 2017, "Grad-CAM", arXiv:1610.02391, section 3.3.
    """
    lines = guided_backprop(network, images, score)
    return grad_cam(network, images, score, layer=layer) * lines


def _guided(gradient: Tensor, passing: Tensor) -> Tensor:
    return gradient.clamp(min=0) * (passing > 0)


def _rectified(gradient: Tensor, _passing: Tensor) -> Tensor:
    return gradient.clamp(min=0)


def _gone_back(method: str, network: nn.Module, images: Tensor, score: Score, rule: Rule) -> Tensor:
    def score_with_rules(output: Any) -> Tensor:
        scores = score(output)
        if scores.grad_fn is not None:
            _hang(rule, scores.grad_fn, method)
        return scores

    with torch.inference_mode(False):
        network, images = uncompiled(network), plain(images)
        return evaluated_gradient(network, images, score_with_rules).sum(dim=1)


def _hang(rule: Rule, end: Node, method: str) -> None:
    """Let the gradient go by the rule at every ReLU on the way to `end`."""
    rectifiers = 0
    for node in _before(end):
        kind = node.name().rstrip("0123456789").removesuffix("Backward")
        if kind in RULELESS or _upper_limit(node, kind):
            raise _refused(method, f"{RULELESS.get(kind, 'ReLU with an upper limit')} runs")
        if _hidden(node):
            raise _refused(method, f"a function with a gradient of its own runs, {kind},")
        passing = _passing(node, kind)
        if passing is not None:
            rectifiers += 1
            node.register_hook(_hook(rule, passing.detach()))  # attached, it would hold the node
    if not rectifiers:
        raise _refused(method, "no ReLU runs")


def _before(end: Node) -> list[Node]:
    """All nodes of autograd's record that lead to `end`."""
    seen, waiting = {end}, [end]
    while waiting:
        for before, _ in waiting.pop().next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)
    return list(seen)


def _passing(node: Any, kind: str) -> Tensor | None:
    """What is > 0 where this ReLU lets its input pass; None: it is no ReLU."""
    if kind == "Relu":
        return node._saved_result
    if kind == "Threshold" and node._saved_threshold == 0:
        return node._saved_self
    if kind in ("Clamp", "ClampMin") and _is_zero(node._saved_min):
        return node._saved_self
    if kind == "Maximum":
        pairs = [(node._saved_self, node._saved_other), (node._saved_other, node._saved_self)]
        for (before, _), (limit, given) in zip(node.next_functions, pairs, strict=True):
            if before is None and _is_zero(limit):
                return given
    return None


def _upper_limit(node: Any, kind: str) -> bool:
    return kind == "Clamp" and _is_zero(node._saved_min) and node._saved_max is not None


def _is_zero(limit: Tensor | float | None) -> bool:
    return limit is not None and not bool(torch.as_tensor(limit).any())


def _hidden(node: Node) -> bool:
    """Whether what runs there cannot be known; full backward hooks of modules pass things on."""
    own = isinstance(node, torch.autograd.function.BackwardCFunction)
    return (own and node.name() != "BackwardHookFunctionBackward") or "jit::" in node.name()


def _hook(rule: Rule, passing: Tensor) -> Callable[..., tuple[Tensor | None, ...]]:
    def turn(
        before: tuple[Tensor | None, ...], behind: tuple[Tensor, ...]
    ) -> tuple[Tensor | None, ...]:
        return tuple(None if old is None else rule(behind[0], passing) for old in before)

    return turn


def _refused(method: str, reason: str) -> ExplainError:
    return ExplainError(
        "explain-rectifiers",
        f"{method}: its rule is defined for ReLU alone, and {reason} on the way to the score.",
        "Take integrated_gradients or smoothgrad, which go by the derivative.",
    )

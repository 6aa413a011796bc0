"""Layer-wise relevance propagation: the score handed back, layer by layer, to the pixels."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from striate.errors import ExplainError, UsageError
from striate.explain import _operations as kinds
from striate.explain._gradient import check_counts, parts, plain
from striate.explain._hooks import uncompiled
from striate.explain._relevance import Weighted, by_box, by_epsilon, by_flat, by_gamma, stable
from striate.explain._score import Score, of_part
from striate.explain._tape import (
    Step,
    Tape,
    followed_back,
    mixes_images,
    no_rule,
    pulled_back,
    recorded,
    through_convolution,
)

aten = torch.ops.aten
Shares = list[tuple[Tensor, Tensor]]  # (tensor, its relevance)
Apply = Callable[[Tensor, Tensor], Tensor]
Bound = Tensor | float
FIX = "Take deep_lift, which follows attention too, or a method by gradients."
GATES = {aten.sigmoid, aten.hardsigmoid, aten.hardtanh, aten.clamp} | kinds.SOFTMAXES
WEIGHTED = {aten.convolution, aten.addmm, aten.mm}


def lrp(
    network: nn.Module,
    images: Tensor,
    score: Score,
    *,
    rule: Literal["composite", "epsilon", "z_plus"] = "composite",
    epsilon: float = 1e-6,
    gamma: float | None = None,
    low: Bound | None = None,
    high: Bound | None = None,
    batch_size: int = 16,
) -> Tensor:
    """The score as relevance, which every layer hands to its inputs by what they contributed.

        epsilon:    R_j = sum_k x_j w_jk / (z_k + epsilon sign z_k) R_k,  z_k = sum_j x_j w_jk + b_k
        z_plus:     the same with max(0, x_j w_jk) and max(0, b_k): what excites alone
        gamma:      the same with x_j w_jk + gamma max(0, x_j w_jk), and so b_k
        composite:  first layer flat (even shares), or z-box where `low` and `high` are given;
                    other convolutions z_plus, or gamma where given; dense layers epsilon

    Batch normalisation is folded into the layer before it. Sums (shortcuts, average pooling) share
    by epsilon, maxima give all to the largest, activations and scales of single channels pass on
    what they get, and of a product with a gate (sigmoid, softmax) the signal takes all. Without
    biases and for epsilon -> 0 the sum of a map is the score.

    Shape: images [N, C, H, W] -> map [N, H, W], signed.
    Args:
        score: what to explain: logits, for a softmax has no rule.
        rule: for all layers, or the composite.
        epsilon: what shares are kept from 0 by, in units of the layers' outputs.
        low, high: the least and largest value that a pixel can have, as the network sees it;
            numbers or [1, C, 1, 1]. For the composite's first layer.
        batch_size: images at a time.
    Raises:
        ExplainError: an operation on the way has no rule.
        UsageError: there is no such rule, or one bound without the other.
    Source: Bach et al. 2015, "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by
        Layer-Wise Relevance Propagation", PLOS ONE 10(7), eq. 50-58 (epsilon), 60 (z_plus is
        alpha 1, beta 0); Montavon et al. 2019, "Layer-Wise Relevance Propagation: An Overview",
        LNCS 11700, section 10.2-10.3 (gamma, z-box, composite); gates: Arras et al. 2017,
        arXiv:1706.07206; layer normalisation with a constant deviation: Ali et al. 2022,
        arXiv:2202.07304.
    """
    if rule not in ("composite", "epsilon", "z_plus"):
        raise UsageError(
            "explain-option", f"lrp: no rule {rule!r}.", "Rules: composite, epsilon, z_plus."
        )
    if (low is None) != (high is None):
        raise UsageError(
            "explain-option", "lrp: z-box needs both bounds.", "Give low and high, or neither."
        )
    check_counts("lrp", batch_size=batch_size)
    network = uncompiled(network)
    with torch.inference_mode(False), torch.no_grad():
        images = plain(images)
        bounds = (
            None if low is None or high is None else (_bound(low, images), _bound(high, images))
        )
        maps = [images.new_zeros(0, *images.shape[2:])]
        for part in parts(len(images), batch_size):
            tape = recorded(network, images[part], of_part(score, len(images), part))
            rules = _Rules(tape, rule, epsilon, gamma, bounds)
            maps.append(followed_back(tape, tape.scores, rules.shares).sum(dim=1))
        return torch.cat(maps)


def _bound(bound: Bound, images: Tensor) -> Tensor:
    return torch.as_tensor(bound, dtype=images.dtype, device=images.device)


class _Rules:
    """Who gets what of a step's relevance, on one tape."""

    def __init__(
        self,
        tape: Tape,
        rule: str,
        epsilon: float,
        gamma: float | None,
        bounds: tuple[Tensor, Tensor] | None,
    ) -> None:
        self.tape, self.rule, self.epsilon = tape, rule, epsilon
        self.gamma, self.bounds = gamma, bounds
        self.maker: dict[int, Step] = {}
        self.uses: dict[int, int] = {}
        self.behind_weights: set[int] = set()  # what hangs on a layer with weights
        self.gates: set[int] = set()
        self.folded: dict[int, tuple[Tensor, Tensor]] = {}  # scale and shift behind a layer
        for step in tape.steps:
            self._see(step)

    def _see(self, step: Step) -> None:
        live = self.tape.alive(step)
        outputs = {id(output) for output in step.outputs}
        self.maker.update(dict.fromkeys(outputs, step))
        for tensor in live:
            self.uses[id(tensor)] = self.uses.get(id(tensor), 0) + 1
        if step.kind in WEIGHTED or any(id(x) in self.behind_weights for x in live):
            self.behind_weights |= outputs
        passes = step.kind in kinds.MOVES or (step.kind in (aten.mul, aten.div) and len(live) == 1)
        if step.kind in GATES or (passes and all(id(x) in self.gates for x in live)):
            self.gates |= outputs

    def shares(self, step: Step, given: list[Tensor | None]) -> Shares:
        live, kind, relevance = self.tape.alive(step), step.kind, given[0]
        if not all(tensor.is_floating_point() for tensor in live):
            raise self._refusal(step, "decides by values of the image, which")
        if kind in kinds.MOVES or (kind in kinds.MAXIMA and len(live) == 1):
            return pulled_back(step, given, {id(x): x for x in live})
        if relevance is None:
            raise self._refusal(step, "has no rule")
        if kind in kinds.SUMS or (kind in kinds.ADDITIONS and len(live) == 2):
            return self._by_share(step, relevance)
        if kind in kinds.BATCH_NORMS:
            self._fold(step, live[0])
            return [(live[0], relevance)]
        if kind in kinds.ADDITIONS or kind in kinds.ACTIVATIONS or kind in (aten.mul, aten.div):
            return self._passed(step, live, relevance)
        if kind is aten.native_layer_norm and len(live) == 1:
            return [(live[0], self._layer_norm(step, live[0], relevance))]
        if kind in WEIGHTED and len(live) == 1:
            layer = self._weighted(step, live[0])
            return [(live[0], self._of_layer(step, layer, relevance))]
        raise self._refusal(step, "has no rule")

    def _by_share(self, step: Step, relevance: Tensor) -> Shares:
        share = relevance / stable(step.outputs[0], self.epsilon)
        values = {id(x): x for x in self.tape.alive(step)}
        return [(x, x * back) for x, back in pulled_back(step, [share], values)]

    def _passed(self, step: Step, live: list[Tensor], relevance: Tensor) -> Shares:
        """All to the one that carries the signal."""
        signals = [x for x in live if id(x) not in self.gates]
        if len(live) == 2 and len(signals) != 1:  # the gate is the one that is stretched
            signals = [x for x in live if x.shape == step.outputs[0].shape]
        signals = live if len(live) == 1 else signals
        if len(signals) != 1 or (step.kind is aten.div and signals[0] is not step.args[0]):
            raise self._refusal(step, "multiplies two signals, which")
        return [(signals[0], relevance.sum_to_size(signals[0].shape))]

    def _fold(self, step: Step, x: Tensor) -> None:
        """Keep scale and shift for the layer that made x, if x is used here alone."""
        weight, bias, mean, variance = step.args[1:5]
        maker = self.maker.get(id(x))
        if mixes_images(step):
            raise self._refusal(step, "mixes the images of a batch, which")
        if maker is None or maker.kind not in WEIGHTED or self.uses[id(x)] > 1:
            return  # one number in, one out: it passes relevance on
        if maker.kind is aten.convolution and maker.args[6]:
            return  # transposed
        scale = (variance + step.args[-1]).rsqrt()
        scale = scale if weight is None else scale * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        self.folded[id(x)] = (scale, shift)

    def _weighted(self, step: Step, x: Tensor) -> Weighted:
        args = [arg.clone() if _of_inference(arg) else arg for arg in step.args]
        if step.kind is aten.convolution:
            at, weight, bias, rest = args[0], args[1], args[2], args[3:]
            ones = (1,) * (x.ndim - 2)
            per_output, stretched = (-1, 1, *ones), (1, -1, *ones)
            bias = None if bias is None else bias.detach().view(stretched)
            apply: Apply = partial(_convolution, rest)
            back: Apply = partial(_through_convolution, rest, x)
        else:
            bias, at, weight = args if step.kind is aten.addmm else (None, *args)
            per_output, stretched, apply, back = (1, -1), (1, -1), partial(torch.mm), _through_dense
            if step.kwargs:
                raise self._refusal(step, "is scaled, which")
        if at is not x:
            raise self._refusal(step, "has weights that depend on the image, which")
        weight = weight.detach()
        if id(step.outputs[0]) in self.folded:
            scale, shift = self.folded[id(step.outputs[0])]
            weight = weight * scale.view(per_output)
            bias = shift.view(stretched) + (0 if bias is None else bias * scale.view(stretched))
        return Weighted(x, weight, None if bias is None else bias.detach(), apply, back)

    def _of_layer(self, step: Step, layer: Weighted, relevance: Tensor) -> Tensor:
        if self.rule == "z_plus":
            return by_gamma(layer, relevance, self.epsilon)
        if self.rule == "epsilon":
            return by_epsilon(layer, relevance, self.epsilon)
        if id(layer.x) not in self.behind_weights:
            if self.bounds is None:
                return by_flat(layer, relevance, self.epsilon)
            return by_box(layer, relevance, self.epsilon, *self.bounds)
        if step.kind is aten.convolution:
            return by_gamma(layer, relevance, self.epsilon, self.gamma)
        return by_epsilon(layer, relevance, self.epsilon)

    def _layer_norm(self, step: Step, x: Tensor, relevance: Tensor) -> Tensor:
        """By epsilon, with the deviation taken for a constant."""
        output, _, root = step.outputs
        shape, weight = step.args[1:3]
        share = relevance / stable(output, self.epsilon) * root
        share = share if weight is None else share * weight.detach()
        axes = tuple(range(-len(shape), 0))
        return x * (share - share.mean(axes, keepdim=True))

    def _refusal(self, step: Step, why: str) -> ExplainError:
        return no_rule("lrp", step, why if why == "has no rule" else f"{why} has no rule", FIX)


def _convolution(rest: Sequence[Any], x: Tensor, weight: Tensor) -> Tensor:
    return aten.convolution(x, weight, None, *rest)


def _through_convolution(rest: Sequence[Any], x: Tensor, weight: Tensor, share: Tensor) -> Tensor:
    return through_convolution(x, weight, rest, share)


def _through_dense(weight: Tensor, share: Tensor) -> Tensor:
    return share @ weight.t()


def _of_inference(arg: object) -> bool:
    return isinstance(arg, Tensor) and arg.is_inference()

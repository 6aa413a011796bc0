"""Optimizers from torch.optim, and their state as named tensors."""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from striate.errors import FileError, UsageError, unknown_name
from striate.training.recipe import Recipe

NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)
Groups = list[dict[str, Any]]
NO_SCALES: Mapping[str, float] = {}
Maker = Callable[[Groups, Recipe, bool], Optimizer]  # (groups, recipe, fused) -> optimizer


def _sgd(groups: Groups, recipe: Recipe, fused: bool) -> Optimizer:
    momentum = recipe.momentum
    nesterov = recipe.nesterov and momentum > 0
    return SGD(groups, lr=0.0, momentum=momentum, nesterov=nesterov, fused=fused)


def _adam(groups: Groups, recipe: Recipe, fused: bool) -> Optimizer:
    betas = (recipe.beta1, recipe.beta2)
    return Adam(groups, lr=0.0, betas=betas, eps=recipe.epsilon or 1e-8, fused=fused)


def _adamw(groups: Groups, recipe: Recipe, fused: bool) -> Optimizer:
    betas = (recipe.beta1, recipe.beta2)
    return AdamW(groups, lr=0.0, betas=betas, eps=recipe.epsilon or 1e-8, fused=fused)


def _rmsprop(groups: Groups, recipe: Recipe, _: bool) -> Optimizer:
    alpha = 0.99 if recipe.rho is None else recipe.rho
    momentum, epsilon = recipe.momentum, recipe.epsilon or 1e-8
    return RMSprop(groups, lr=0.0, alpha=alpha, eps=epsilon, momentum=momentum, foreach=True)


def _adadelta(groups: Groups, recipe: Recipe, _: bool) -> Optimizer:
    rho = 0.9 if recipe.rho is None else recipe.rho
    return Adadelta(groups, lr=0.0, rho=rho, eps=recipe.epsilon or 1e-6, foreach=True)


OPTIMIZERS: Mapping[str, Maker] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adamw,
    "rmsprop": _rmsprop,
    "adadelta": _adadelta,
}


def make_optimizer(
    network: nn.Module, recipe: Recipe, rate_scales: Mapping[str, float] | None = None
) -> Optimizer:
    """The recipe's optimizer over all weights that want a gradient; the rate is set at each step.

    Fused kernels where torch has them for these weights, else the foreach implementation.
    Biases and the parameters of normalisation layers do not decay.
    """
    name = str(recipe.optimizer)
    if name not in OPTIMIZERS:
        raise unknown_name("optimizer", name, OPTIMIZERS)
    groups = parameter_groups(network, recipe.weight_decay or 0.0, rate_scales or NO_SCALES)
    weights = [weight for group in groups for weight in group["params"]]
    fused = all(w.is_floating_point() and w.device.type in ("cpu", "cuda") for w in weights)
    return OPTIMIZERS[name](groups, recipe, fused)


def parameter_groups(
    network: nn.Module, weight_decay: float, rate_scales: Mapping[str, float] = NO_SCALES
) -> Groups:
    """Weights that decay, then biases and norms, which do not; of each a group for each run of one
    `rate_scale`. So the order of the weights, by which checkpoints know them, is always the same.

    Args:
        rate_scales: factors on the learning rate by weights' names; 1 where none is given. Names of
            weights that are not here are passed over, so that a part takes what is made for all.
    Raises:
        UsageError: no weight wants a gradient.
        UnknownName: none of the names is here.
    Source: He et al. 2019, "Bag of Tricks", arXiv:1812.01187, section 3.1, "no bias decay".
    """
    decaying: dict[nn.Parameter, float] = {}  # with its rate scale; tied weights are here once
    steady: dict[nn.Parameter, float] = {}
    names = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    if rate_scales and names.isdisjoint(rate_scales):
        raise unknown_name("weight of the network", next(iter(rate_scales)), names)
    for module_name, module in network.named_modules():
        for name, weight in module.named_parameters(prefix=module_name, recurse=False):
            if weight.requires_grad:
                is_bias = name.rpartition(".")[2].endswith("bias")
                still = weight.ndim <= 1 or is_bias or isinstance(module, NORMS)
                (steady if still else decaying).setdefault(weight, rate_scales.get(name, 1.0))
    if not decaying and not steady:
        raise UsageError(
            "train-no-weights",
            "Training: the network has no weight that wants a gradient.",
            "Set requires_grad=True on what is to be trained.",
        )
    return [
        {"params": [weight for weight, _ in run], "weight_decay": decay, "rate_scale": scale}
        for weights, decay in [(decaying, weight_decay), (steady, 0.0)]
        for scale, run in groupby(weights.items(), key=lambda pair: pair[1])
    ]


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Use this rate from the next step on, times each group's `rate_scale`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_scale"]


def optimizer_tensors(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What the optimizer remembers: tensors as `"3/exp_avg"`, and plain numbers likewise."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for number, memory in optimizer.state_dict()["state"].items():
        for key, value in memory.items():
            (tensors if isinstance(value, Tensor) else numbers)[f"{number}/{key}"] = value
    return tensors, numbers


def load_optimizer(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Put back what `optimizer_tensors` gave; rates and decays stay those of this optimizer.

    Every tensor takes the memory layout of its weight: the fused CPU kernels walk memory, not
    indices, and would silently pair wrong elements.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **numbers}.items():
        number, _, key = name.partition("/")
        if not number.isdecimal() or int(number) >= len(weights):
            raise FileError(
                "checkpoint-other-network",
                f"The checkpoint's optimizer knows a weight {number}; there are {len(weights)}.",
                "Resume with the network and recipe the training was started with.",
            )
        weight = weights[int(number)]
        if isinstance(value, Tensor) and value.shape == weight.shape:
            value = torch.empty_like(weight, dtype=value.dtype).copy_(value)
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

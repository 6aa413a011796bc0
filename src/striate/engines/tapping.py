"""A network whose answers carry along what one of its layers made of the images."""

from contextlib import suppress
from warnings import catch_warnings

import torch
from torch import Tensor, fx, nn

from striate.engines.folding import sharing_copy


def tapped(
    network: nn.Module, layer: str, images: Tensor, *, given: bool = False
) -> fx.GraphModule | None:
    """images [N, C, H, W] -> [N, D + classes]: a layer's features, then the network's answers.

    Maps [N, D, h, w] are averaged over their positions, [N, T, D] over the tokens. None where the
    network cannot be traced; the caller holds what comes against the layer's own features, since
    what a block gives is taken to be what it computed last.

    Args:
        network: in eval mode; its weights are shared.
        layer: dotted name.
        given: whether what the layer is given is wanted, not what it gives.
    """
    with suppress(Exception), catch_warnings(action="ignore"), torch.no_grad():
        traced = fx.symbolic_trace(sharing_copy(network))
        features = _features(traced, layer, given)
        if features is None:
            return None
        end = next(iter(traced.graph.find_nodes(op="output")))
        answers = end.args[0]
        axes = _axes(traced, features, end, images[:1].clone())
        with traced.graph.inserting_before(end):
            if axes:
                features = traced.graph.call_method("mean", (features,), {"dim": axes})
            joined = traced.graph.call_function(torch.cat, ([features, answers],), {"dim": 1})
        end.args = (joined,)
        traced.graph.lint()
        traced.recompile()
        return traced
    return None


def _features(traced: fx.GraphModule, layer: str, given: bool) -> fx.Node | None:
    """What a layer computed last: of a block, which is traced through, its last node."""
    found = None
    for node in traced.graph.nodes:
        inside = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
        if layer in inside or (node.op == "call_module" and node.target == layer):
            found = node
    if found is None or not given:
        return found
    whole = found.op == "call_module" and found.target == layer
    return found.all_input_nodes[0] if whole else None


def _axes(
    traced: fx.GraphModule, features: fx.Node, end: fx.Node, image: Tensor
) -> tuple[int, ...]:
    """The axes that are averaged over."""
    answers = end.args
    end.args = (features,)
    traced.recompile()
    dimensions = traced(image).ndim
    end.args = answers
    return () if dimensions < 3 else (1,) if dimensions == 3 else tuple(range(2, dimensions))

"""A copy of a network that gives the same answers faster, by torch itself."""

import operator
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from warnings import catch_warnings

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

ANSWERS_DIFFER = 1e-5  # of the largest answer; folding rounds the weights anew, in the last bit
GRADIENTS_DIFFER = 1e-2  # of their norm; a ReLU at its kink may turn, a lost path shows as more


def folded_copy(
    network: nn.Module, probe: Tensor, *, gradients: bool = False
) -> fx.GraphModule | None:
    """The network with batch norms folded into convolutions, channels last, ReLUs behind poolings
    and in place, no weight with a gradient; weights that are not folded are shared.

    None, where the network cannot be traced by torch.fx, has hooks, or its copy answers the probe
    otherwise.

    Args:
        network: in eval mode.
        probe: [1, C, H, W].
        gradients: whether derivatives with respect to images must agree too.
    """
    if any(_hooked(module) for module in network.modules()):
        return None
    for memory_format in (torch.channels_last, torch.contiguous_format):
        with suppress(Exception), catch_warnings(action="ignore"):  # tracing runs code of all
            copy = fx.symbolic_trace(sharing_copy(network))  # kinds on stand-ins for tensors
            _fold(copy, memory_format)
            _pool_first(copy)
            _rectify_in_place(copy)
            if _agree(network, copy, probe, gradients):
                return copy
    return None


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def sharing_copy(network: nn.Module) -> nn.Module:
    """The same modules anew, in eval mode, around the same tensors, none of which has a gradient.

    Tracing runs the network's code, which may keep what it sees in its modules.
    """
    tensors: dict[int, object] = {id(buffer): buffer for buffer in network.buffers()}
    for module in network.modules():  # what its code keeps, such as the last maps it saw
        tensors |= {id(kept): kept for kept in vars(module).values() if isinstance(kept, Tensor)}
    for weight in network.parameters():
        tensors[id(weight)] = nn.Parameter(weight.detach(), requires_grad=False)
    copy = deepcopy(network, tensors)
    for module in copy.modules():
        module.training = False
    return copy


@torch.no_grad()
def _fold(network: fx.GraphModule, memory_format: torch.memory_format) -> None:
    """Put each batch norm that follows a convolution alone into its weights.

    norm(W * x + b) = (s W) * x + s (b - mean) + beta,  s = gamma / sqrt(variance + epsilon)
    """
    modules = dict(network.named_modules())
    for node in network.graph.find_nodes(op="call_module"):
        convolution = modules[node.target]
        if type(convolution) is not nn.Conv2d:
            continue
        weight = convolution.weight
        folded = deepcopy(convolution, {id(weight): weight})  # its weight is replaced below
        after = next(iter(node.users)) if len(node.users) == 1 else node
        norm = modules[after.target] if after.op == "call_module" else None
        if type(norm) is nn.BatchNorm2d and norm.running_mean is not None:
            folded = fuse_conv_bn_eval(convolution, norm)
            after.replace_all_uses_with(node)
            network.graph.erase_node(after)
        weight = folded.weight.contiguous(memory_format=memory_format)
        folded.weight = nn.Parameter(weight, requires_grad=False)
        node.target = f"folded_{node.name}"  # a name of its own: one convolution may run twice
        network.add_module(node.target, folded)
    network.delete_all_unused_submodules()
    network.recompile()


def _pool_first(network: fx.GraphModule) -> None:
    """max(relu(x)) as relu(max(x)), which is the same number with the same gradient, on fewer."""
    for pooling in network.graph.find_nodes(op="call_module"):
        module = network.get_submodule(pooling.target)
        if type(module) is not nn.MaxPool2d or module.return_indices:
            continue
        rectifier = pooling.all_input_nodes[0]
        source = _rectified(network, rectifier)
        if source is not None and len(rectifier.users) == 1:
            pooling.replace_all_uses_with(rectifier)
            pooling.replace_input_with(rectifier, source)
            rectifier.replace_input_with(source, pooling)
            pooling.append(rectifier)
    network.recompile()


def _rectify_in_place(network: fx.GraphModule) -> None:
    """Let a ReLU write over sums and maps that it alone reads, and no backward pass asks for."""
    for node in list(network.graph.nodes):
        source = _rectified(network, node)
        if source is not None and _is_new(network, source):
            with network.graph.inserting_after(node):
                node.replace_all_uses_with(network.graph.call_method("relu_", (source,)))
            network.graph.erase_node(node)
    network.recompile()


def _rectified(network: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """What a ReLU is given, if the node is one and nothing else is given that."""
    if node.op == "call_module":
        rectifies = type(network.get_submodule(str(node.target))) is nn.ReLU
    else:
        called = node.op in ("call_method", "call_function")
        rectifies = called and node.target in ("relu", torch.relu, F.relu)
    source = node.all_input_nodes[0] if rectifies else None
    return source if source is not None and len(source.users) == 1 else None


def _is_new(network: fx.GraphModule, node: fx.Node) -> bool:
    """Whether the node makes a tensor that no one else holds, and needs not keep for its own
    gradient."""
    if node.op == "call_module":
        return type(network.get_submodule(str(node.target))) in (nn.Conv2d, nn.MaxPool2d)
    return node.op == "call_function" and node.target in (operator.add, torch.add)


def _agree(network: nn.Module, copy: nn.Module, probe: Tensor, gradients: bool) -> bool:
    if not gradients:
        with torch.no_grad():
            return close(network(probe.clone()), copy(probe.clone()))
    answers = [_answer_and_slope(ask, probe) for ask in (network, copy)]
    (answer, slope), (copied_answer, copied_slope) = answers
    if slope is None or copied_slope is None:
        return False
    error = torch.linalg.vector_norm(slope - copied_slope)
    steep = torch.linalg.vector_norm(slope)
    return close(answer, copied_answer) and bool(error <= GRADIENTS_DIFFER * steep)


def _answer_and_slope(
    network: Callable[[Tensor], Tensor], probe: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The answer, and the gradient of a sum of it with signed weights (None: it has none)."""
    with torch.enable_grad():
        leaf = probe.detach().requires_grad_()
        answer = network(leaf.clone())
        signs = torch.linspace(-1, 2, answer.numel(), dtype=answer.dtype, device=answer.device)
        total = (answer.flatten() * signs).sum()
    if not total.requires_grad:
        return answer, None
    return answer, torch.autograd.grad(total, leaf, allow_unused=True)[0]


def close(answer: Tensor, copied: Tensor) -> bool:
    """Whether a copy answers as the network; False for what is no tensor or not finite."""
    if not isinstance(answer, Tensor) or answer.shape != copied.shape:
        return False
    return bool((answer - copied).abs().max() <= ANSWERS_DIFFER * answer.abs().max())

"""A faster network that gives the same answers, for methods that ask it many times."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, fx, nn

from striate.engines.folding import folded_copy
from striate.explain._hooks import evaluating, uncompiled


@contextmanager
def frozen(network: nn.Module, images: Tensor, *, gradients: bool = False) -> Iterator[nn.Module]:
    """The network in eval mode, as fast as it can be asked: batch norms folded into convolutions,
    channels last, ReLUs behind poolings and in place, no weight with a gradient.

    What is given is a private copy, traced by torch.fx, if it answers the first image as the
    network itself does; where it cannot be traced, has hooks or answers otherwise, the network
    itself, whose modes are put back at the end. Ask it only inside the block.

    Shape: images [N, C, H, W]; the first is the probe.
    Args:
        gradients: whether derivatives with respect to images will be asked for; then they too
            must agree. Tracing leaves out a `no_grad()` inside the network.
    """
    network = uncompiled(network)
    with evaluating(network):
        yield folded_copy(network, images[:1], gradients=gradients) or network


def affine_first(network: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A frozen network in two parts: a first convolution that alone sees the images, and the rest.

    The first part is affine, so what is needed on a straight line between images can be had from
    its ends. Of a network that does not begin so: the identity, and the network.
    """
    if isinstance(network, fx.GraphModule):
        images = network.graph.find_nodes(op="placeholder")[0]
        first = next(iter(images.users))
        module = network.get_submodule(first.target) if first.op == "call_module" else None
        if type(module) is nn.Conv2d and len(images.users) == 1:
            return module, _without(network, first)
    return nn.Identity(), network


def _without(network: fx.GraphModule, first: fx.Node) -> fx.GraphModule:
    """The network that is given what its first layer gave, instead of the images."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in network.graph.nodes:
        if node is first:
            copies[node] = copies[first.all_input_nodes[0]]
        else:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.lint()
    return fx.GraphModule(network, graph)

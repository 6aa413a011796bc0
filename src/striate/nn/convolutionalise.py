"""A classifier with dense layers, turned into one that reads images of any larger size."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from striate.errors import UsageError
from striate.shapes import Pair, Shape, written

ELEMENTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Softplus,
    nn.Sigmoid, nn.Tanh, nn.Dropout, nn.Identity,
)  # fmt: skip
ADAPTIVE: dict[Any, Callable[..., nn.Module]] = {
    nn.AdaptiveAvgPool2d: nn.AvgPool2d,
    F.adaptive_avg_pool2d: nn.AvgPool2d,
    nn.AdaptiveMaxPool2d: nn.MaxPool2d,
    F.adaptive_max_pool2d: nn.MaxPool2d,
}
FLATTENING = {torch.flatten, torch.reshape, "flatten", "view", "reshape", "squeeze"}
FUNCTIONS: dict[Any, Callable[[], nn.Module]] = {
    F.relu: nn.ReLU, torch.relu: nn.ReLU, "relu": nn.ReLU, F.dropout: nn.Identity,
}  # fmt: skip


class FullyConvolutional(nn.Module):
    """Class scores for every place where the original would fit into a larger image.

    Shape: images [N, C, H, W], at least as large as the original takes -> [N, classes].
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def maps(self, images: Tensor) -> Tensor:
        """[N, C, H, W] -> scores [N, classes, rows, columns], one for each place."""
        return self.head(self.features(images))

    def forward(self, images: Tensor) -> Tensor:
        """The scores averaged over all places."""
        return self.maps(images).mean(dim=(2, 3))


def convolutionalise(network: nn.Module, input_shape: Shape) -> FullyConvolutional:
    """The same classifier with its dense layers as convolutions, in evaluation mode.

    A dense layer over a map of h×w×k is a convolution with an h×w kernel; one over a vector is a
    1×1 convolution; a mean over the whole map is a mean over a window of the map's original size.
    On images of `input_shape` the scores are those of the original. On larger ones each place
    holds what the original says of that part of the image, exactly so where nothing in the network
    pads; padded networks see their neighbourhood there instead of zeros.

    Args:
        network: features, then pooling or flattening, then dense layers; left as it is.
        input_shape: (height, width, channels) of the images that it was made for.
    Raises:
        UsageError: the network is built in another way; names what stands in the way.
    Source: Long et al. 2015, arXiv:1411.4038, section 3.1.

    >>> small = nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.Flatten(), nn.Linear(4 * 3 * 3, 10))
    >>> convolutionalise(small, (7, 7, 1)).maps(torch.zeros(1, 1, 15, 11)).shape
    torch.Size([1, 10, 5, 3])
    """
    copy = deepcopy(network).eval()
    graph = _followed(copy, input_shape)
    nodes = [node for node in graph.nodes if node.op != "output"]
    first = next((node for node in nodes if _leaves_maps(copy, node)), None)
    if first is None or len(_size(_input(first))) != 4:
        _refuse(network, "it has no pooling or flattening between its features and dense layers")
    head = _Head(network, copy, _size(_input(first)))
    node, source = first, _input(first)
    while node.op != "output":
        head.take(node)
        if len(node.users) != 1:
            _refuse(network, f"what comes after {node.name!r} is no chain of layers")
        node = next(iter(node.users))
    if not any(isinstance(layer, nn.Conv2d) for layer in head.layers):
        _refuse(network, "it has no dense layer after its features")
    return FullyConvolutional(_until(copy, graph, source, first), nn.Sequential(*head.layers))


class _Head:
    """The layers after the features, rewritten one by one.

    `window` is the size of the map that the next dense layer would see, with `spacing` between
    its values, which comes of pooling at every position.
    """

    def __init__(self, network: nn.Module, copy: nn.Module, size: Sequence[int]) -> None:
        self.network, self.copy = network, copy
        self.channels = size[1]
        self.window: Pair = (size[2], size[3])
        self.spacing: Pair = (1, 1)
        self.layers: list[nn.Module] = []

    def take(self, node: fx.Node) -> None:
        """Add what stands for this node."""
        what = _what(self.copy, node)
        kind = type(what) if isinstance(what, nn.Module) else what
        if kind in ADAPTIVE:
            self._pool(ADAPTIVE[kind], _goal(what, node))
        elif _is_global_mean(kind, node):
            self._pool(nn.AvgPool2d, (1, 1))
        elif isinstance(what, nn.Linear):
            self._dense(what)
        elif isinstance(what, nn.BatchNorm1d):
            self.layers.append(_norm(what))
        elif isinstance(what, nn.Softmax | nn.LogSoftmax):
            self.layers.append(type(what)(dim=1))
        elif isinstance(what, ELEMENTWISE):
            self.layers.append(what)
        elif kind in FUNCTIONS:
            self.layers.append(FUNCTIONS[kind]())
        elif not (kind in FLATTENING or isinstance(what, nn.Flatten)):
            _refuse(self.network, f"{node.name!r} cannot be read as a convolution")

    def _pool(self, pool: Callable[..., nn.Module], goal: Sequence[int | None]) -> None:
        wanted = [
            have if want is None else want for have, want in zip(self.window, goal, strict=True)
        ]
        if self.spacing != (1, 1) or any(h % w for h, w in zip(self.window, wanted, strict=True)):
            _refuse(
                self.network,
                f"pooling {written(self.window)} to {written(tuple(wanted))} needs windows of "
                "several sizes",
            )
        self.spacing = (self.window[0] // wanted[0], self.window[1] // wanted[1])
        self.window = (wanted[0], wanted[1])
        if self.spacing != (1, 1):
            self.layers.append(pool(self.spacing, stride=1))

    def _dense(self, dense: nn.Linear) -> None:
        if dense.in_features != self.channels * self.window[0] * self.window[1]:
            _refuse(
                self.network, f"a dense layer of {dense.in_features} inputs sees something else"
            )
        convolution = nn.Conv2d(
            self.channels,
            dense.out_features,
            self.window,
            dilation=self.spacing if self.window != (1, 1) else 1,
            bias=dense.bias is not None,
        ).to(dense.weight)
        with torch.no_grad():
            convolution.weight.copy_(dense.weight.view_as(convolution.weight))
            if dense.bias is not None and convolution.bias is not None:
                convolution.bias.copy_(dense.bias)
        self.layers.append(convolution.eval())
        self.channels, self.window, self.spacing = dense.out_features, (1, 1), (1, 1)


class _Tracer(fx.Tracer):
    """Looks into the modules that turn maps into vectors; all others are taken as they are."""

    def __init__(self, inside: set[str]) -> None:
        super().__init__()
        self.inside = inside

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002
        return module_qualified_name not in self.inside


def _followed(copy: nn.Module, input_shape: Shape) -> fx.Graph:
    """The operations, each with the shape of what it gives."""
    twin = deepcopy(copy).to("meta")
    image = torch.empty(1, input_shape[-1], *input_shape[:-1], device="meta")
    vectors: set[str] = set()
    hooks = []
    for name, module in twin.named_modules():

        def note(_: nn.Module, __: Any, output: Any, name: str = name) -> None:
            if isinstance(output, Tensor) and output.ndim == 2:
                vectors.add(name)

        if name and next(module.children(), None) is not None:
            hooks.append(module.register_forward_hook(note))
    twin(image)
    for hook in hooks:
        hook.remove()
    try:
        graph = _Tracer(vectors).trace(twin)
    except Exception as error:
        _refuse(copy, f"its code cannot be followed ({error})")
    ShapeProp(fx.GraphModule(twin, graph)).propagate(image)
    return graph


def _until(copy: nn.Module, graph: fx.Graph, source: fx.Node, first: fx.Node) -> nn.Module:
    """The network up to `source`, as a module of its own."""
    part = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node is first:
            break
        copies[node] = part.node_copy(node, lambda each: copies[each])
    part.output(copies[source])
    module = fx.GraphModule(copy, part)
    module.graph.eliminate_dead_code()
    module.recompile()
    module.delete_all_unused_submodules()
    return module


def _leaves_maps(copy: nn.Module, node: fx.Node) -> bool:
    """Whether this is the pooling or flattening that the head begins with."""
    what = _what(copy, node)
    kind = type(what) if isinstance(what, nn.Module) else what
    flat = len(_size(node)) == 2 and node.op != "placeholder" and len(_size(_input(node))) == 4
    return flat or (kind in ADAPTIVE and _ends_in_vector(node))


def _ends_in_vector(node: fx.Node) -> bool:
    """Whether what follows is a chain of layers that leads to a vector."""
    while len(node.users) == 1:
        if len(_size(node)) == 2:
            return True
        node = next(iter(node.users))
    return False


def _what(copy: nn.Module, node: fx.Node) -> Any:
    """The module, function or method's name that a node calls."""
    if node.op == "call_module":
        return copy.get_submodule(str(node.target))
    return node.target if node.op in ("call_function", "call_method") else None


def _goal(what: Any, node: fx.Node) -> Sequence[int | None]:
    size: Any = what.output_size if isinstance(what, nn.Module) else node.args[1]
    return (size, size) if isinstance(size, int) else tuple(size)


def _is_global_mean(kind: Any, node: fx.Node) -> bool:
    if kind not in (torch.mean, "mean"):
        return False
    dims: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    return isinstance(dims, tuple | list) and {dim % 4 for dim in dims} == {2, 3}


def _input(node: fx.Node) -> fx.Node:
    return node.all_input_nodes[0] if node.all_input_nodes else node


def _size(node: fx.Node) -> Sequence[int]:
    return tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))


def _norm(norm: nn.BatchNorm1d) -> nn.Module:
    wide = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum, norm.affine)
    wide.load_state_dict(norm.state_dict())
    return wide.eval()


def _refuse(network: nn.Module, why: str) -> NoReturn:
    raise UsageError(
        "model-not-convolutional",
        f"{type(network).__name__} cannot be made fully convolutional: {why}.",
        "It takes features, then pooling or Flatten, then dense layers in a row.",
    )

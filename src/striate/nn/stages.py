"""The stages of a network from the image to the answer: which of them learn, and where to cut.

Transfer keeps the first stages as they were learnt elsewhere and trains the rest; the body before
a cut need be run only once for each image.

Source: Yosinski et al. 2014, "How transferable are features in deep neural networks?",
    arXiv:1411.1792.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from striate.errors import UsageError
from striate.nn.classifier import AuxiliaryClassifier
from striate.nn.drop_path import DropPath
from striate.nn.headed import HeadedNetwork

ANSWER = "answer"
HALVES = ("features", "head")
NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
DROPS = (nn.modules.dropout._DropoutNd, DropPath)


@dataclass(frozen=True)
class Stage:
    """A part with weights and what follows it up to the next such part.

    Args:
        name: of the part with weights; the last stage is "answer".
        paths: of its modules, in order of execution; the last one gives what the stage gives.
    """

    name: str
    paths: tuple[str, ...]


class Body(HeadedNetwork):
    """The first stages of a network, under the names they have there.

    Shape: images [N, C, H, W] -> what the stages before the cut give.
    """

    def __init__(self, whole: HeadedNetwork, features: nn.Module, head: nn.Module) -> None:
        super().__init__(features, head)
        self.whole_name, self.smallest = whole.name, whole.smallest
        self.training = whole.training

    @property
    def name(self) -> str:
        return self.whole_name


def stages(network: HeadedNetwork) -> tuple[Stage, ...]:
    """The stages in order of execution; each weight is in one, but for those of auxiliary heads.

    A stage begins with a child of `features` or `head` that has weights, or with the dropout
    before it. Norms, activations and pools go with the stage before them.

    Raises:
        UsageError: the network has no layer with weights.

    >>> from striate.nn import Classifier, conv_relu, pooled_linear
    >>> features = nn.Sequential(OrderedDict(stem=conv_relu(3, 8, 3), pool1=nn.MaxPool2d(2)))
    >>> [(stage.name, *stage.paths) for stage in stages(Classifier(features, pooled_linear(8, 2)))]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('stem', 'features.stem', 'features.pool1', 'head.pool', 'head.flatten'),
     ('answer', 'head.drop', 'head.linear')]
    """
    parts = _parts(network)
    layers = _layers(network, parts)
    begins = [0, *(_begin(parts, *pair) for pair in pairwise(layers))]
    ends = [*begins[1:], len(parts)]
    names = [_short(parts[layer][0]) for layer in layers[:-1]]
    return tuple(
        Stage(name, tuple(path for path, _ in parts[begin:end]))
        for name, begin, end in zip([*names, ANSWER], begins, ends, strict=True)
    )


def answer_path(network: HeadedNetwork) -> str:
    """The path of the last layer with weights, which gives the answer.

    >>> from striate.nn import Classifier, conv_relu, pooled_linear
    >>> answer_path(Classifier(conv_relu(3, 8, 3), pooled_linear(8, 2)))
    'head.linear'

    Raises:
        UsageError: the network has no layer with weights.
    """
    parts = _parts(network)
    path, part = parts[_layers(network, parts)[-1]]
    inner = [name for name, module in part.named_modules() if _is_layer(module)]
    return f"{path}.{inner[-1]}" if inner[-1] else path


def cut(network: HeadedNetwork, last: int) -> tuple[Body, nn.Sequential]:
    """The network in two: `tail(body(images))` is what it gives in evaluation.

    Both share its modules, under the names they have in it; so a weight of the tail is called the
    same as in the network. Auxiliary heads are in neither.

    Args:
        last: how many stages before the answer are in the tail as well.
    Raises:
        UsageError: `model-no-such-stage`: there are not so many stages; `model-not-a-chain`: what
            lies behind the cut needs more than what the body gives.
    """
    _, learning = _divided(network, last)
    if type(network).forward not in (HeadedNetwork.forward, AuxiliaryClassifier.forward):
        raise _no_chain(network, f"{type(network).__name__} is more than head(features(images))")
    behind = {path for stage in learning for path in stage.paths}
    before: OrderedDict[str, nn.Module] = OrderedDict()
    after: OrderedDict[str, nn.Module] = OrderedDict()
    for half in HALVES:
        module: nn.Module = network.get_submodule(half)
        paths = [path for path, _ in _parts_of(half, module)]
        kept = [path for path in paths if path not in behind]
        if not kept:
            after[half] = module
        elif len(kept) == len(paths):
            before[half] = module
        elif type(module).forward is not nn.Sequential.forward:
            raise _no_chain(network, f"its {half} are a {type(module).__name__}")
        else:
            before[half] = _run(module, kept)
            after[half] = _run(module, paths[len(kept) :])
    body = Body(network, *(before.get(half, nn.Sequential()) for half in HALVES))
    tail = nn.Sequential(after)
    tail.training = network.training
    return body, tail


def freeze(network: HeadedNetwork, last: int) -> tuple[str, ...]:
    """Let only the answer and the last so many stages before it learn; the names of the others.

    An auxiliary head learns where the stage that it reads does.

    Raises:
        UsageError: `model-no-such-stage`: there are not so many stages.
    """
    resting, learning = _divided(network, last)
    network.requires_grad_(False)
    paths = {path for stage in learning for path in stage.paths}
    for path in paths:
        network.get_submodule(path).requires_grad_(True)
    if isinstance(network, AuxiliaryClassifier):
        for name, head in network.auxiliary.items():
            head.requires_grad_(f"features.{name}" in paths)
    return tuple(stage.name for stage in resting)


def rate_scales(network: HeadedNetwork, layer_decay: float) -> dict[str, float]:
    """For each weight by name, its share of the learning rate: 1 for the answer, `layer_decay` for
    the stage before it, its square for the one before that. Auxiliary heads are left out.

    Source: Howard and Ruder 2018, "Universal Language Model Fine-tuning", arXiv:1801.06146,
        section 3.2, "discriminative fine-tuning".
    """
    found = stages(network)
    return {
        name: layer_decay ** (len(found) - 1 - number)
        for number, stage in enumerate(found)
        for path in stage.paths
        for name, _ in network.get_submodule(path).named_parameters(prefix=path)
    }


def _parts(network: HeadedNetwork) -> list[tuple[str, nn.Module]]:
    """Paths and modules that a stage is made of, from the image on."""
    return [part for half in HALVES for part in _parts_of(half, network.get_submodule(half))]


def _parts_of(half: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The children of a half, repeated ones too; itself where it has weights of its own."""
    children = [(name, child) for name, child in module._modules.items() if child is not None]
    if not children or [*module.parameters(recurse=False)]:
        return [(half, module)]
    return [(f"{half}.{name}", child) for name, child in children]


def _layers(network: HeadedNetwork, parts: Sequence[tuple[str, nn.Module]]) -> list[int]:
    """Numbers of the parts that have weights other than those of norms."""
    found = [i for i, (_, part) in enumerate(parts) if any(map(_is_layer, part.modules()))]
    if not found:
        raise UsageError(
            "model-no-layer",
            f"{network.name} has no layer with weights, so it has no stages.",
            "Take a network that learns, such as those of striate zoo.",
        )
    return found


def _is_layer(module: nn.Module) -> bool:
    """Whether it has weights of its own and is no norm."""
    return bool([*module.parameters(recurse=False)]) and not isinstance(module, NORMS)


def _begin(parts: Sequence[tuple[str, nn.Module]], previous: int, layer: int) -> int:
    """Where the stage of a layer begins: at the first dropout since the layer before, or at it."""
    between = range(previous + 1, layer)
    return next((i for i in between if isinstance(parts[i][1], DROPS)), layer)


def _short(path: str) -> str:
    """The name of a child; its path where it is a mere number."""
    name = path.rpartition(".")[2]
    return path if name.isdigit() else name


def _divided(network: HeadedNetwork, last: int) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """The stages that rest, and those that learn: the answer and `last` before it."""
    found = stages(network)
    most = len(found) - 1
    if not 0 <= last <= most:
        raise UsageError(
            "model-no-such-stage",
            f"{network.name} has {most} stages before its answer, got last={last}: "
            f"{', '.join(stage.name for stage in found[:-1])}.",
            f"Give a number from 0, the answer alone, to {most}, everything.",
        )
    return found[: most - last], found[most - last :]


def _run(chain: nn.Module, paths: Sequence[str]) -> nn.Sequential:
    """Some children of a chain, under their names."""
    names = [path.rpartition(".")[2] for path in paths]
    run = nn.Sequential(OrderedDict((name, chain.get_submodule(name)) for name in names))
    run.training = chain.training
    return run


def _no_chain(network: HeadedNetwork, why: str) -> UsageError:
    return UsageError(
        "model-not-a-chain",
        f"{network.name} cannot be cut there: {why}, which is no chain of parts.",
        "Cut before the answer (last=0), or freeze its first stages and train it whole.",
    )

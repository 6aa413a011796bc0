"""Ways through a network that give the same with less work, taken while it trains."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from striate.training.pooled_convolution import Geometry, PooledConvolution

Call = nn.Module | PooledConvolution
RISING = (nn.ReLU, nn.ReLU6)  # activations that never fall: pooling may come first


class Shortened:
    """Calls modules one after the other, as the chain would that it stands for."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = tuple(calls)

    def __call__(self, x: Tensor) -> Tensor:
        for call in self.calls:
            x = call(x)
        return x


@contextmanager
def shortcuts(network: nn.Module) -> Iterator[None]:
    """Inside the block, chains of modules (`nn.Sequential`) run in the shortest way we know.

    - Convolution, ReLU and max-pooling run as one (`PooledConvolution`).
    - Max-pooling runs before a ReLU, which then has a quarter of the values to look at.

    Modules, weights, names and modes stay as they are; a module that someone listens to with a hook
    is called as always.
    """
    short = {}
    within: set[nn.Module] = set()
    for chain in network.modules():
        if _is_chain(chain) and chain not in within:
            modules = _links(chain)
            calls = _shortest(modules)
            if calls != [*modules]:
                short[chain] = Shortened(calls)
                within.update(chain.modules())
    for chain, shortened in short.items():
        chain.forward = shortened
    try:
        yield
    finally:
        for chain in short:
            del chain.forward


def _links(chain: nn.Module) -> list[nn.Module]:
    """The modules of a chain, and of the chains in it."""
    links: list[nn.Module] = []
    for module in chain.children():
        links += _links(module) if _is_chain(module) else [module]
    return links


def _shortest(modules: Sequence[nn.Module]) -> list[Call]:
    calls: list[Call] = []
    rest = list(modules)
    while rest:
        if (one := _as_one(rest)) is not None:
            calls.append(one)
            del rest[:3]
        elif len(rest) > 1 and _may_swap(rest[0], rest[1]):
            calls += [rest[1], rest[0]]
            del rest[:2]
        else:
            calls.append(rest.pop(0))
    return calls


def _as_one(modules: Sequence[nn.Module]) -> PooledConvolution | None:
    """The first three modules as one, in either order of the last two."""
    if len(modules) < 3:
        return None
    conv, relu, pool = modules[:3]
    if isinstance(relu, nn.MaxPool2d):
        relu, pool = pool, relu
    if type(relu) is not nn.ReLU or any(_is_heard(module) for module in (conv, relu, pool)):
        return None
    if not isinstance(conv, nn.Conv2d) or not isinstance(pool, nn.MaxPool2d):
        return None
    if (geometry := Geometry.of(conv, pool)) is None:
        return None
    flat = not any(isinstance(module, nn.Conv2d) for module in modules[3:])  # a dense layer
    return PooledConvolution(conv, relu, pool, geometry, flat=flat)


def _may_swap(activation: nn.Module, pool: nn.Module) -> bool:
    return (
        type(activation) in RISING
        and type(pool) is nn.MaxPool2d
        and not pool.return_indices
        and not (_is_heard(activation) or _is_heard(pool))
    )


def _is_chain(module: nn.Module) -> bool:
    return type(module) is nn.Sequential and not _is_heard(module)


def _is_heard(module: nn.Module) -> bool:
    """Whether it has hooks."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return any(hooks) or "forward" in vars(module)

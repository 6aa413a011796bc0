"""Run a network up to a layer, with the way back to the image open."""

from contextlib import suppress

from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import as_maps, last_of, named_layer, one_tensor, watching


class _Reached(BaseException):
    """Ends a forward pass at the layer; no `except Exception` in a network stops it."""


def up_to(network: nn.Module, images: Tensor, layer: str) -> Tensor:
    """What a layer gives in its first run, with its graph; what follows it does not run.

    So images may have any size that the layers up to there take. To be used in eval mode.

    Raises:
        UnknownName: the network has no such layer.
        ExplainError: the layer did not run, or gives no floating-point tensor.
    """
    found: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: object) -> None:
        found.append(one_tensor(layer, output))
        raise _Reached

    with watching(named_layer(network, layer), keep), suppress(_Reached):
        network(images)
    return last_of(found, layer)


def maps_up_to(network: nn.Module, images: Tensor, layer: str) -> Tensor:
    """`up_to`, checked to be a map [N, K, h, w] whose gradient can be asked for.

    Raises:
        ExplainError: it is no map, or does not depend on the images by a way with a gradient.
    """
    return with_gradient(as_maps(up_to(network, images, layer), layer), layer)


def with_gradient(output: Tensor, layer: str) -> Tensor:
    """The output, checked to depend on the images by a way that has a gradient."""
    if output.requires_grad:
        return output
    raise ExplainError(
        "explain-no-gradient",
        f"Layer {layer!r} does not depend on the image by a way that has a gradient.",
        "A network that detaches or rounds on the way cannot be asked what excites it.",
    )

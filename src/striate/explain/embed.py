"""What a network makes of images, as one vector each."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain._hooks import (
    evaluating,
    last_of,
    recording,
    recording_input,
    uncompiled,
)
from striate.explain.locate import classifier_layer


@torch.no_grad()
def embeddings(
    network: nn.Module,
    images: Tensor | Iterable[Tensor],
    *,
    layer: str | None = None,
    batch_size: int = 256,
) -> Tensor:
    """The features of images at one layer; maps are averaged over their positions.

    Shape: images [N, C, H, W], or an iterable of such batches -> [N, D] on the CPU, float32.
    Args:
        layer: dotted name of the module whose output is wanted. None: the features from which
            the last linear layer (or, without one, the last convolution) makes the answer.
        batch_size: images at a time, where one tensor is given.
    Raises:
        UnknownName: the network has no such layer.
        ExplainError: there are no images, or the layer gives no features per image.
    """
    network = uncompiled(network)
    batches = torch.split(images, batch_size) if isinstance(images, Tensor) else images
    rows: list[Tensor] = []
    name = layer
    for batch in batches:
        if not len(batch):
            continue
        if name is None:
            name = classifier_layer(network, batch)
        tap = recording_input if layer is None else recording
        with evaluating(network), tap(network, name) as outputs:
            network(batch)
        rows.append(pooled(last_of(outputs, name), len(batch), name).float().cpu())
    if not rows:
        raise ExplainError("explain-no-images", "embeddings: no images came.", "Pass at least one.")
    return torch.cat(rows)


def pooled(features: Tensor, images: int, layer: str) -> Tensor:
    """[N, D] as it is, [N, D, h, w] averaged over the map, [N, T, D] over the tokens."""
    if features.ndim < 2 or len(features) != images:
        raise ExplainError(
            "explain-layer-shape",
            f"Layer {layer!r} must give features per image, [{images}, …], "
            f"got {list(features.shape)}.",
            "Name another layer.",
        )
    if features.ndim == 3:
        return features.mean(dim=1)
    return features.flatten(2).mean(dim=2) if features.ndim > 3 else features

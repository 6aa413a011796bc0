"""Layers found by running the network, whatever its shape."""

import pytest
import torch
from torch import Tensor, nn

from striate.errors import ExplainError
from striate.explain import classifier_layer, last_spatial_layer, trace


def lenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 12 * 12, 20),
        nn.ReLU(),
        nn.Linear(20, 10),
    )


class TwoPart(nn.Module):
    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def squeeze() -> nn.Module:
    """Classifies by a convolution, as SqueezeNet does."""
    head = nn.Sequential(nn.Conv2d(8, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return TwoPart(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()), head)


def pooled_inside() -> nn.Module:
    """The pooling to one position is part of `features`, so the map is inside."""
    body = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1))
    return TwoPart(body, nn.Sequential(nn.Flatten(), nn.Linear(8, 3)))


@pytest.mark.parametrize(
    ("network", "layer", "classifier"),
    [
        (lenet(), "2", "6"),
        (squeeze(), "head.0", "head.0"),
        (pooled_inside(), "features.1", "head.1"),
        (
            TwoPart(nn.Conv2d(1, 4, 3), nn.Sequential(nn.Flatten(), nn.Linear(4 * 26 * 26, 2))),
            "features",
            "head.1",
        ),
    ],
    ids=["lenet", "squeeze", "pooled inside", "features"],
)
def test_the_right_layers_are_found(network: nn.Module, layer: str, classifier: str) -> None:
    network.train()
    images = torch.randn(2, 1, 28, 28)
    assert last_spatial_layer(network, images) == layer
    assert classifier_layer(network, images) == classifier
    assert not any(m._forward_hooks for m in network.modules())
    assert all(m.training for m in network.modules())


def test_runs_are_in_order_with_shapes() -> None:
    runs = [(run.name, run.shape) for run in trace(squeeze(), torch.randn(5, 1, 10, 8))]
    assert runs[0] == ("features.0", (1, 8, 8, 6))
    assert runs[-1] == ("", (1, 3))
    assert ("head.1", (1, 3, 1, 1)) in runs


def test_no_map_is_said_with_what_there_is() -> None:
    dense = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(ExplainError, match=r"its layers give .*3 \[1, 2\]") as caught:
        last_spatial_layer(dense, torch.randn(2, 1, 4, 4))
    assert caught.value.code == "explain-no-map"


def test_no_classifier_is_said() -> None:
    with pytest.raises(ExplainError, match="features before the answer") as caught:
        classifier_layer(nn.Sequential(nn.Flatten(), nn.ReLU()), torch.randn(2, 1, 4, 4))
    assert caught.value.code == "explain-no-classifier"


class Heads(nn.Module):
    """Attention as vision transformers have it: [N, T, D] -> [N, heads, T, D / heads] -> back."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)

    def forward(self, tokens: Tensor) -> Tensor:
        heads = tokens.unflatten(2, (2, 8)).transpose(1, 2)
        return self.norm(heads).transpose(1, 2).flatten(2)


class Transformer(nn.Module):
    def __init__(self, stem: nn.Module) -> None:
        super().__init__()
        self.stem, self.attention, self.head = stem, Heads(), nn.Linear(16, 3)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.stem(images).flatten(2).transpose(1, 2)
        return self.head(self.attention(tokens).mean(dim=1))


def test_attention_is_no_map() -> None:
    network = Transformer(nn.Conv2d(1, 16, 4, 4))
    assert last_spatial_layer(network, torch.randn(1, 1, 28, 28)) == "stem"


class ChannelsLast(nn.Module):
    """Gives [N, h, w, K], as Swin does."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1)


def test_channels_at_the_end_are_no_width() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 40, 4, 4), ChannelsLast(), nn.LayerNorm(40), nn.Flatten(), nn.LazyLinear(2)
    )
    network(torch.zeros(1, 1, 28, 28))
    assert last_spatial_layer(network, torch.randn(1, 1, 28, 28)) == "0"

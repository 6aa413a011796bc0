"""Embeddings at any tap, equal to running the parts by hand."""

import pytest
import torch
from torch import Tensor, nn

from striate.errors import ExplainError, UnknownName
from striate.explain import embeddings


class Classifier(nn.Module):
    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))


def linear_head() -> nn.Module:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8, 6),
        nn.ReLU(inplace=True),
        nn.Linear(6, 4),
    )


def conv_head() -> nn.Module:
    return nn.Sequential(nn.Conv2d(8, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_by_default_the_input_of_the_last_linear_layer() -> None:
    torch.manual_seed(0)
    network, images = Classifier(linear_head()), torch.randn(7, 3, 9, 8)
    network.train()
    found = embeddings(network, images, batch_size=3)
    assert network.training
    network.eval()
    expected = network.head[:-1](network.features(images)).detach()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(network.head[-1](found), network(images))  # they make the answer


def test_where_a_convolution_classifies_its_input_is_pooled() -> None:
    network, images = Classifier(conv_head()).eval(), torch.randn(4, 3, 9, 8)
    expected = network.features(images).mean(dim=(2, 3)).detach()
    torch.testing.assert_close(embeddings(network, images), expected)


def test_any_layer_by_name_and_batches_from_an_iterator() -> None:
    network, images = Classifier(linear_head()).eval(), torch.randn(5, 3, 9, 8)
    expected = network.features[0](images).mean(dim=(2, 3)).detach()
    found = embeddings(network, iter(images.split(2)), layer="features.0")
    torch.testing.assert_close(found, expected)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_tokens_are_averaged() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.head = nn.Identity(), nn.Linear(4, 2)

        def forward(self, images: Tensor) -> Tensor:
            return self.head(self.tokens(images.flatten(2).transpose(1, 2)).mean(dim=1))

    images = torch.randn(3, 4, 5, 5)
    found = embeddings(Tokens(), images, layer="tokens")
    torch.testing.assert_close(found, images.mean(dim=(2, 3)))


def test_refusals() -> None:
    network = Classifier(linear_head())
    with pytest.raises(ExplainError, match="no images") as caught:
        embeddings(network, torch.empty(0, 3, 9, 8))
    assert caught.value.code == "explain-no-images"
    with pytest.raises(UnknownName, match="'heads'"):
        embeddings(network, torch.randn(1, 3, 9, 8), layer="heads")

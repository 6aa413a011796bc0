"""Attention maps and rollout against torch's weights, loops, and networks of three libraries."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explain.peers import signed_images
from striate import zoo
from striate.errors import ExplainError
from striate.explain import class_score
from striate.explain.attention import attention_maps, attention_rollout
from striate.zoo.vit import attention_maps as of_the_class_token
from zoo.parity import timm_network, torchvision_network


class Tokens(nn.Module):
    """Patches of 4 pixels, maybe a class token, and blocks of torch's own encoder."""

    def __init__(self, token: bool = True, depth: int = 2, weights: bool = False) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8)) if token else None
        self.looks = nn.ModuleList(
            nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(depth)
        )
        self.head, self.weights = nn.Linear(8, 5), weights

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        if self.token is not None:
            tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], dim=1)
        for look in self.looks:
            tokens = tokens + look(tokens, tokens, tokens, need_weights=self.weights)[0]
        return self.head(tokens[:, 0] if self.token is not None else tokens.mean(dim=1))


def by_torch(network: Tokens, images: Tensor) -> list[Tensor]:
    tokens = network.patches(images).flatten(2).transpose(1, 2)
    if network.token is not None:
        tokens = torch.cat([network.token.expand(len(tokens), -1, -1), tokens], dim=1)
    found = []
    for look in network.looks:
        mixed, weights = look(tokens, tokens, tokens, average_attn_weights=False)
        tokens = tokens + mixed
        found.append(weights.detach())
    return found


@pytest.mark.parametrize("weights", [False, True])
def test_maps_are_the_weights_that_torch_gives(weights: bool) -> None:
    torch.manual_seed(0)
    network, images = Tokens(weights=weights).double().eval(), signed_images(8, 12)
    fast = torch.backends.mha.get_fastpath_enabled()
    found = attention_maps(network, images)
    assert list(found) == ["looks.0", "looks.1"]
    for ours, theirs in zip(found.values(), by_torch(network, images), strict=True):
        assert ours.shape == (3, 2, 7, 7)
        torch.testing.assert_close(ours, theirs)
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


class Scaled(nn.Module):
    """Attention of 4 tokens by torch's function, and the same written out."""

    def __init__(self, written: bool) -> None:
        super().__init__()
        self.written, self.softmax, self.drop = written, nn.Softmax(dim=-1), nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.flatten(2)  # [N, 3, P]
        if not self.written:
            return F.scaled_dot_product_attention(tokens, tokens, tokens)
        weights = self.softmax(tokens @ tokens.transpose(1, 2) / math.sqrt(tokens.shape[2]))
        return self.drop(weights) @ tokens


@pytest.mark.parametrize("written", [False, True])
def test_functions_and_written_out_attention_are_found(written: bool) -> None:
    network, images = nn.Sequential(Scaled(written)), signed_images(2, 3)
    (name, found), *none = attention_maps(network, images).items()
    tokens = images.flatten(2)
    expected = (tokens @ tokens.transpose(1, 2) / math.sqrt(6)).softmax(dim=-1)
    assert (name, none) == ("0", [])
    torch.testing.assert_close(found, expected[:, None])


def test_a_softmax_of_classes_or_of_pixels_is_no_attention() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.Softmax(dim=1), nn.Flatten(2), nn.Softmax(dim=-1)
    )
    with pytest.raises(ExplainError, match="no attention") as caught:
        attention_maps(network.double(), signed_images(4, 4))
    assert caught.value.code == "explain-no-attention"


@pytest.mark.parametrize("token", [True, False])
def test_rollout_is_its_product_in_loops(token: bool) -> None:
    torch.manual_seed(1)
    network, images = Tokens(token, depth=3).double().train(), signed_images(8, 12)
    found = attention_rollout(network, images, class_score(0))
    assert network.training
    network.eval()
    looks = by_torch(network, images)
    for n in range(3):
        size = looks[0].shape[2]
        rolled = torch.eye(size, dtype=torch.float64)
        for weights in looks:
            layer = torch.zeros(size, size, dtype=torch.float64)
            for i in range(size):
                for j in range(size):
                    mean = (weights[n, 0, i, j] + weights[n, 1, i, j]) / 2
                    layer[i, j] = 0.5 * mean + (0.5 if i == j else 0.0)
            rolled = layer @ rolled
        assert rolled.sum(dim=1).tolist() == pytest.approx([1.0] * size)
        row = rolled[0, 1:] if token else rolled.mean(dim=0)
        grid = row.view(1, 1, 2, 3)
        expected = F.interpolate(grid, size=(8, 12), mode="bilinear")[0, 0]
        torch.testing.assert_close(found[n], expected)


def test_without_shortcuts_uniform_attention_gives_an_even_map() -> None:
    network = Tokens(depth=1)
    nn.init.zeros_(network.looks[0].in_proj_weight)
    network = network.double()
    found = attention_rollout(network, signed_images(8, 8), class_score(0), skipped=0.0)
    torch.testing.assert_close(found, torch.full_like(found, 1 / 5))


def test_batches_are_explained_apart_and_none_is_none() -> None:
    network, images = Tokens().double(), signed_images(8, 12)
    score = class_score([1, 2, 3])
    together = attention_rollout(network, images, score)
    torch.testing.assert_close(attention_rollout(network, images, score, batch_size=2), together)
    assert attention_rollout(network, images[:0], score).shape == (0, 8, 12)


def test_our_vision_transformer() -> None:
    torch.manual_seed(2)
    network, images = zoo.create("vit_small_16", image_size=64), torch.randn(2, 3, 64, 64)
    found = attention_maps(network, images)
    assert len(found) == 12
    assert all(weights.shape == (2, 6, 17, 17) for weights in found.values())
    ours = torch.stack([w[:, :, 0, 1:] for w in found.values()], dim=1).unflatten(3, (4, 4))
    torch.testing.assert_close(ours, of_the_class_token(network, images))
    assert attention_rollout(network, images, class_score(0)).shape == (2, 64, 64)


@pytest.mark.parametrize(
    "build",
    [
        lambda: torchvision_network("vit_b_16", image_size=32),
        lambda: timm_network("vit_tiny_patch16_224", img_size=32),
    ],
    ids=["torchvision", "timm"],
)
def test_vision_transformers_of_others(build) -> None:
    network, images = build(), torch.randn(2, 3, 32, 32)
    found = attention_maps(network, images)
    assert len(found) == 12
    for weights in found.values():
        assert weights.shape[2:] == (5, 5)
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:3]))
    heat = attention_rollout(network, images, class_score(0))
    assert heat.shape == (2, 32, 32)
    assert (heat > 0).all()


def test_rollout_refuses_windows_and_tokens_without_a_grid() -> None:
    swin, images = torchvision_network("swin_t"), torch.randn(1, 3, 64, 64)
    windows = attention_maps(swin, images)
    assert [weights.shape[1] for weights in windows.values()][:3] == [9 * 3, 9 * 3, 4 * 6]
    assert all(weights.shape[2:] == (49, 49) for weights in windows.values())
    with pytest.raises(ExplainError, match="looks inside windows") as caught:
        attention_rollout(swin, images, class_score(0))
    assert caught.value.code == "explain-no-rollout"
    with pytest.raises(ExplainError, match="7 tokens are no grid of patches of 8 x 13 pixels"):
        attention_rollout(Tokens(), torch.randn(1, 3, 8, 13), class_score(0))

    class Across(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            tokens = images.flatten(2)
            return F.scaled_dot_product_attention(tokens[:, :2], tokens, tokens)

    with pytest.raises(ExplainError, match="the same tokens, got  2 x 3"):
        attention_rollout(Across(), images, class_score(0))

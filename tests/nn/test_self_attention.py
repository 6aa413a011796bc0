"""Self-attention against torch's, and an image as tokens."""

import pytest
import torch
from torch import nn

from striate.errors import ShapeError
from striate.nn import SelfAttention
from striate.nn.tokens import ClassToken, FirstToken, Patches, Position


def test_it_is_torchs_attention():
    torch.manual_seed(0)
    ours, tokens = SelfAttention(12, 3), torch.randn(2, 5, 12)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = (
        ours.query_key_value.weight.data,
        ours.query_key_value.bias.data.normal_(),
    )
    theirs.out_proj.load_state_dict(ours.project.state_dict())
    seen = []
    ours.weights.register_forward_hook(lambda _m, _i, weights: seen.append(weights))
    expected, weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
    torch.testing.assert_close(ours(tokens), expected)
    torch.testing.assert_close(seen[0], weights)
    assert seen[0].shape == (2, 3, 5, 5)


def test_heads_must_divide_the_width():
    with pytest.raises(ShapeError, match="heads must divide width, got heads=5 and width=12"):
        SelfAttention(12, 5)


def test_patches_are_tokens_row_by_row():
    patches = Patches(1, 1, size=2, image_size=(4, 6))
    nn.init.ones_(patches.conv.weight)
    nn.init.zeros_(patches.conv.bias)
    image = torch.arange(24.0).reshape(1, 1, 4, 6)
    sums = [image[0, 0, i : i + 2, j : j + 2].sum().item() for i in (0, 2) for j in (0, 2, 4)]
    assert patches(image).flatten().tolist() == sums


@pytest.mark.parametrize("size", [(33, 32), (32, 40), (8, 16)])
def test_sides_must_be_whole_patches(size):
    with pytest.raises(ShapeError, match=rf"multiples of 16 pixels, got {size[0]}×{size[1]}"):
        Patches(3, 4, size=16, image_size=size)


def test_the_nearest_sizes_are_told():
    with pytest.raises(ShapeError, match="Nearest that fit: 32×48"):
        Patches(3, 4, size=16, image_size=(39, 41))


def test_images_of_another_size_are_refused():
    with pytest.raises(ShapeError, match=r"made for images of 32×48 pixels.* got 48×32"):
        Patches(3, 4, size=16, image_size=(32, 48))(torch.zeros(1, 3, 48, 32))


def test_the_class_token_comes_first_and_each_place_has_its_vector():
    tokens = torch.randn(2, 3, 4)
    first, place = ClassToken(4), Position(4, 4)
    nn.init.normal_(first.weight)
    together = first(tokens)
    assert torch.equal(together[:, 1:], tokens)
    assert torch.equal(FirstToken()(together), first.weight[0].expand(2, -1))
    nn.init.zeros_(place.weight)
    place.weight.data[0, 2] = 1
    assert (place(together) - together).sum(dim=2).round().tolist() == [[0, 0, 4, 0]] * 2
    assert place.weight.shape == (1, 4, 4)

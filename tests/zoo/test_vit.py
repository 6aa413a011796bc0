"""The vision transformer: timm vouches for it. Its attention maps."""

import pytest
import torch
from torch import nn

from striate import zoo
from striate.errors import FileError, ShapeError, UsageError
from striate.zoo.vit import attention_maps, vit
from zoo.parity import check_same_answers, check_same_gradients, timm_network


def check_size(height, width):
    theirs = timm_network("vit_small_patch16_224", img_size=(height, width))
    return check_same_answers(
        "vit_small_16", theirs, "timm", sizes=[(height, width)], image_size=(height, width)
    )


def test_answers_and_gradients_of_timm():
    ours, theirs = check_size(32, 32)
    check_same_gradients(ours, theirs, "timm", 32)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(224, 224), (48, 80)])
def test_answers_of_timm(size):
    check_size(*size)


def small(image_size=(32, 48)):
    torch.manual_seed(0)
    return vit(24, 3, 2, classes=4, in_channels=3, image_size=image_size)


def test_attention_maps_are_what_the_class_token_looks_at():
    network, images = small(), torch.randn(2, 3, 32, 48)
    maps = attention_maps(network, images)
    assert maps.shape == (2, 3, 2, 2, 3)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    tokens = network.features.block2(network.features.block1(network.features.stem(images)))
    look = network.features.block3[0].branch
    parts = look.attention.query_key_value(look.norm(tokens)).reshape(2, 7, 3, 2, 12)
    query, key = parts[:, 0, 0], parts[:, :, 1]  # [N, heads, 12], [N, T, heads, 12]
    weights = (torch.einsum("nhd,nthd->nht", query, key) / 12**0.5).softmax(dim=-1)
    torch.testing.assert_close(maps[:, 2], weights[:, :, 1:].reshape(2, 2, 2, 3))


def test_a_patch_that_draws_all_attention_shows_in_its_place():
    network = small()
    attention = network.features.block1[0].branch.attention
    with torch.no_grad():
        network.features.stem.patches.conv.weight.zero_()
        network.features.stem.position.weight.zero_()
        network.features.stem.position.weight[0, 1 + 4, 0] = 1  # row 1, column 1 of 2 x 3
        network.features.stem.token.weight.zero_()
        attention.query_key_value.weight.zero_()
        attention.query_key_value.weight[24:48, 0] = 5  # keys
        attention.query_key_value.bias.fill_(5)  # queries
        network.features.stem.patches.conv.bias.zero_()
    maps = attention_maps(network, torch.zeros(1, 3, 32, 48))[0, 0]
    assert maps[:, 1, 1].min() > 0.99
    assert maps.sum(dim=(1, 2)).max() <= 1.0001


def test_only_networks_of_tokens_have_attention():
    network = zoo.create("resnet18", classes=2)
    with pytest.raises(UsageError, match="Classifier has no tokens"):
        attention_maps(network, torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("size", [33, (32, 40), (224, 100)])
def test_sides_that_are_no_multiple_of_16_are_refused(size):
    with pytest.raises(ShapeError, match="must be multiples of 16 pixels"):
        zoo.create("vit_small_16", image_size=size)


def test_images_of_another_size_are_refused():
    with pytest.raises(ShapeError, match=r"made for images of 32×48 pixels.*got 48×48"):
        small()(torch.zeros(1, 3, 48, 48))
    with pytest.raises(ShapeError, match="at least 16×16 pixels, got 15×32"):
        zoo.create("vit_small_16", image_size=(15, 32))


def test_weights_for_another_image_size_are_refused_untouched():
    theirs = timm_network("vit_small_patch16_224", img_size=48)
    network = zoo.create("vit_small_16", image_size=32)
    before = network.head.linear.weight.clone()
    with pytest.raises(FileError, match=r"features.stem.position.weight \[1, 5, 384\].*10, 384"):
        zoo.load_foreign_state(network, theirs.state_dict())
    assert torch.equal(network.head.linear.weight, before)


def test_one_batch_is_learnt_by_heart():
    network, images, labels = small(), torch.randn(8, 3, 32, 48), torch.arange(8) % 4
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05

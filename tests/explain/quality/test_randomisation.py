"""Randomisation: methods that look at the network pass, methods that look at the image fail."""

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from striate.errors import ExplainError
from striate.explain import class_score, grad_cam
from striate.explain.quality import changes, learned_by_heart, parameter_randomisation
from striate.explain.quality.randomisation import destroyed, rank_correlation
from striate.explain.quality.relabelling import label_randomisation


def edges(network, images, score):
    """A method that does not ask the network."""
    return images.diff(dim=2, prepend=images[:, :, :1]).abs().sum(dim=1)


def weights(network, images, score):
    """A method that shows nothing but the last layer's weights."""
    return network[4].weight[0].detach().reshape(1, 6, 6).expand(len(images), 6, 6)


def small(seed=0):
    torch.manual_seed(seed)
    first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
    return nn.Sequential(first, nn.BatchNorm2d(8), second, nn.Flatten(), nn.Linear(36, 4)).eval()


IMAGES = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def judged(method, network=None, **options):
    network = network or small()
    maps = method(network, IMAGES, class_score(0))
    return parameter_randomisation(network, IMAGES, class_score(0), maps, method, **options)


def test_a_method_that_does_not_ask_the_network_fails():
    check = judged(edges)
    torch.testing.assert_close(check.correlations, torch.ones(4, 4))
    assert not check.passed
    assert check.to_json()["passed"] is False


def test_a_method_that_shows_the_weights_passes():
    check = judged(weights)
    assert check.passed
    assert check.similarity.abs().max() < 0.5
    assert check.destroyed == ("down to 4", "down to 2", "down to 1", "down to 0")


def test_destruction_goes_down_from_the_top():
    network = small()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    gone = []
    for _, copy in destroyed(network, IMAGES, steps=9, seed=0):
        now = copy.state_dict()
        changed = {name.split(".")[0] for name in before if not now[name].equal(before[name])}
        gone.append(changed)
    assert gone == [{"4"}, {"4", "2"}, {"4", "2"}, {"4", "2", "0"}]  # a fresh norm is all ones
    assert all(network.state_dict()[name].equal(before[name]) for name in before)


def test_weights_keep_their_size():
    network = small()
    *_, (_, copy) = destroyed(network, IMAGES, steps=1, seed=0)
    for old, new in zip(network.parameters(), copy.parameters(), strict=True):
        if old.ndim > 1:
            torch.testing.assert_close(old.square().mean(), new.square().mean(), rtol=0.5, atol=0)
        else:
            assert torch.equal(old.sort().values, new.sort().values)


def test_the_same_seed_gives_the_same_verdict():
    assert judged(grad_cam).correlations.equal(judged(grad_cam).correlations)
    assert not judged(grad_cam).correlations.equal(judged(grad_cam, seed=1).correlations)


def test_the_correlation_is_spearmans_of_absolute_values():
    torch.manual_seed(0)
    maps, others = torch.randn(3, 5, 4).double(), torch.randn(3, 5, 4).double().round()
    expected = [
        spearmanr(first.abs().flatten(), second.abs().flatten()).statistic
        for first, second in zip(maps, others, strict=True)
    ]
    found = rank_correlation(maps, others)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(rank_correlation(maps, -maps), torch.ones(3).double())


def test_flat_maps_are_like_one_another_and_unlike_others():
    flat, other = torch.full((2, 3, 3), 0.1), torch.rand(2, 3, 3)
    assert rank_correlation(flat, flat).tolist() == [1, 1]
    assert rank_correlation(flat, other).tolist() == [0, 0]
    assert not changes(rank_correlation(flat, flat))


def test_a_network_without_weights_cannot_be_made_random():
    with pytest.raises(ExplainError, match="no weights"):
        judged(edges, nn.Sequential(nn.Flatten()))


def test_labels_learned_by_heart_change_the_maps_of_what_looks_at_weights():
    images = torch.randn(24, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(24) % 4
    network = small().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pupil, accuracy = learned_by_heart(network, images, labels, learning_rate=1e-2)
    assert accuracy == 1.0
    assert all(network.state_dict()[name].equal(before[name]) for name in before)
    for method, passes in ((weights, True), (edges, False)):
        maps = method(network, images, class_score(0))
        check = label_randomisation(pupil, images, class_score(0), maps, method)
        assert check.passed is passes

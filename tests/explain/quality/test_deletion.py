"""Deletion and insertion, by networks whose curves are known."""

import pytest
import torch
from torch import nn

from striate.errors import ShapeError, UsageError
from striate.explain import class_score
from striate.explain.quality import (
    class_probability,
    deletion,
    deletion_curve,
    insertion,
    insertion_curve,
)


def adding(*weights):
    """A network whose first logit is the weighted sum of the pixels of a 2 x 2 image."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    network[1].weight.data = torch.tensor([weights, [0.0] * 4])
    return network


ONES = torch.ones(2, 1, 2, 2)
WEIGHTS = torch.tensor([[4.0, 1.0], [3.0, 2.0]])
TRUE = WEIGHTS.expand(2, 2, 2)


def test_curves_of_a_sum_are_what_is_left_of_it():
    network = adding(4.0, 1.0, 3.0, 2.0)
    maps = torch.stack([WEIGHTS, -WEIGHTS])  # the second takes the least first
    curve = deletion_curve(network, ONES, class_score(0), maps, steps=4)
    torch.testing.assert_close(curve, torch.tensor([[10.0, 6, 3, 1, 0], [10, 9, 7, 4, 0]]))
    curve = insertion_curve(network, ONES, class_score(0), maps, steps=4, fill=0.0)
    torch.testing.assert_close(curve, torch.tensor([[0.0, 4, 7, 9, 10], [0, 1, 3, 6, 10]]))


def test_area_is_that_of_trapezoids():
    network, score = adding(4.0, 1.0, 3.0, 2.0), class_score(0)
    found = deletion(network, ONES, score, TRUE, steps=4)
    torch.testing.assert_close(found, torch.full((2,), (5 + 6 + 3 + 1) / 4))
    found = insertion(network, ONES, score, TRUE, steps=2, fill=0.0)
    torch.testing.assert_close(found, torch.full((2,), (0 + 7 + 5) / 2))


def test_fewer_steps_take_several_pixels():
    found = deletion_curve(adding(4.0, 1.0, 3.0, 2.0), ONES, class_score(0), TRUE, steps=2)
    torch.testing.assert_close(found[0], torch.tensor([10.0, 3, 0]))


def test_the_fill_is_what_is_seen_instead():
    curve = deletion_curve(adding(4.0, 1.0, 3.0, 2.0), ONES, class_score(0), TRUE, fill=-1.0)
    assert curve[0, -1] == -10
    same = deletion_curve(adding(4.0, 1.0, 3.0, 2.0), ONES, class_score(0), TRUE, fill="mean")
    torch.testing.assert_close(same, torch.full_like(same, 10))


def test_images_are_judged_alone_and_in_any_batch():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)
    )
    network = network.double().train()
    images, maps = torch.randn(5, 3, 8, 8).double(), torch.randn(5, 8, 8).double()
    targets = [0, 1, 2, 3, 4]
    all_at_once = deletion(network, images, class_score(targets), maps, batch_size=1000)
    for batch_size in (1, 7):
        found = deletion(network, images, class_score(targets), maps, batch_size=batch_size)
        torch.testing.assert_close(found, all_at_once)
    alone = deletion(network, images[2:3], class_score(2), maps[2:3])
    torch.testing.assert_close(alone, all_at_once[2:3])
    assert network.training


def test_equal_pixels_are_not_taken_row_by_row():
    network = nn.Sequential(nn.Flatten(), nn.Linear(400, 1, bias=False))
    network[1].weight.data = (torch.arange(400) < 200).float()[None]  # the upper half
    curve = deletion_curve(
        network, torch.ones(1, 1, 20, 20), class_score(0), torch.zeros(1, 20, 20), steps=2
    )
    assert 80 < curve[0, 1] < 120


def test_probabilities_are_softmax_or_sigmoid_of_the_cooled_logits():
    logits = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    found = class_probability([0, 1], temperature=2.0)(logits)
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0]).sigmoid())
    found = class_probability(0, several=True)(logits)
    torch.testing.assert_close(found, torch.tensor([2.0, 0.0]).sigmoid())


def test_maps_of_another_size_or_with_nan_are_refused():
    network = adding(1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ShapeError, match=r"\[2, 2, 2\].*got \[2, 3, 2\]"):
        deletion(network, ONES, class_score(0), torch.zeros(2, 3, 2))
    with pytest.raises(ShapeError, match="not finite"):
        insertion(network, ONES, class_score(0), torch.full((2, 2, 2), torch.nan))
    with pytest.raises(UsageError, match="steps=0"):
        deletion(network, ONES, class_score(0), TRUE, steps=0)

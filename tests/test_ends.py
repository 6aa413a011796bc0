"""Both ends of a network: what goes in, what comes out, and what it means."""

import numpy as np
import pytest
import torch
from torch import nn

from striate import Preprocessing, layers
from striate.ends import Ends, Packing


def graph(*finals: str):
    """A graph of layers with an output for each activation."""
    x = layers.Input((4,))
    return layers.graph(x, [layers.Dense(2, activation=final)(x) for final in finals]).build()


@pytest.mark.parametrize(
    ("finals", "tasks"),
    [
        (["softmax"], ("single_label",)),
        (["sigmoid"], ("multi_label",)),
        (["linear"], ("single_label",)),  # logits
        (["sigmoid", "linear"], ("multi_label", "regression")),
        (["tanh", "softmax"], ("regression", "single_label")),
    ],
)
def test_the_last_activation_tells_what_an_output_is(finals, tasks):
    ends = Ends.of(graph(*finals), None)
    assert ends.tasks == tasks
    assert (ends.inputs, len(ends.outputs)) == (((4,),), len(finals))
    assert ends.several is (len(finals) > 1)


def test_any_other_network_gives_logits_and_has_the_shape_that_was_said():
    assert Ends.of(nn.Linear(4, 2), (4,)) == Ends(((4,),))
    assert Ends.of(nn.Linear(4, 2), None).inputs == ()
    assert Ends().tasks == ("single_label",)


def test_what_was_packed_is_unpacked():
    tensors = [torch.arange(12.0).reshape(2, 3, 2), torch.arange(2.0).reshape(2, 1)]
    packing = Packing.of(tensors)
    packed = packing.pack(tensors)
    assert packed.shape == (2, 7)
    assert all(map(torch.equal, packing.unpack(packed), tensors))


def test_arrays_go_through_the_preprocessing_and_prepared_tensors_do_not():
    preparing = Preprocessing(size=2, channels=1, mean=(0.5,), std=(0.5,))
    ends = Ends(((2, 2, 1),))
    white = np.full((1, 2, 2), 255, np.uint8)
    assert torch.equal(ends.images(white, preparing), torch.ones(1, 1, 2, 2))
    prepared = torch.full((1, 1, 2, 2), 7.0)
    assert torch.equal(ends.images(prepared, preparing), prepared)
    assert torch.equal(ends.images(white), torch.full((1, 1, 2, 2), 255.0))

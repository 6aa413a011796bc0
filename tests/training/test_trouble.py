"""What goes wrong in a step is told in the person's terms, and nothing is lost."""

import math

import pytest
import torch
from torch import nn

from small_training import (
    MemoryBatches,
    assert_same_weights,
    blobs,
    small_batches,
    small_fit,
    small_network,
    small_recipe,
)
from striate.errors import TrainingError
from striate.training import Checkpoints, Notice, Regression, SingleLabel


def name_of(record: int) -> str:
    return f"cats/{record}.jpg"


def failed(network, recipe=None, **options) -> TrainingError:
    with pytest.raises(TrainingError) as caught:
        small_fit(network, recipe, name_of=name_of, **options)
    return caught.value


def test_an_image_with_nan_is_named_and_the_state_before_its_step_is_kept(tmp_path):
    images, labels = blobs()
    images[37, 0, 3, 3] = math.nan
    network, told, checkpoints = small_network(), [], Checkpoints(tmp_path)
    error = failed(
        network, batches=MemoryBatches(images, labels, 16), checkpoints=checkpoints,
        on_event=told.append,
    )  # fmt: skip
    assert error.code == "train-non-finite"
    assert "(epoch 1): the loss is nan." in error.what
    assert "Of its 16 images, 1 have pixels that are no finite numbers: cats/37.jpg." in error.what
    assert "Look at these files" in error.fix
    assert [event.code for event in told if isinstance(event, Notice)] == ["train-non-finite"]
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    before = int(error.what.split("update of step ")[1].split(" ")[0]) - 1
    assert checkpoints.latest().step == before
    kept = checkpoints.latest().tensors("network")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, kept[name]), name


def test_a_repaired_image_lets_the_training_go_on_as_if_nothing_had_been(tmp_path):
    images, labels = blobs()
    whole, broken = small_network(), small_network()
    small_fit(whole, batches=MemoryBatches(images, labels, 16))
    bad = images.clone()
    bad[37] = math.inf
    checkpoints = Checkpoints(tmp_path)
    failed(broken, batches=MemoryBatches(bad, labels, 16), checkpoints=checkpoints)
    batches = MemoryBatches(images, labels, 16)
    small_fit(broken, batches=batches, checkpoints=checkpoints, resume=True)
    assert_same_weights(broken, whole)


def test_a_label_that_is_no_number_is_named():
    images, _ = blobs()
    targets = torch.zeros(96)
    targets[5] = math.inf
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    error = failed(
        network, batches=MemoryBatches(images, targets, 16), objective=Regression(), validate=None
    )
    assert "1 have labels that are no finite numbers: cats/5.jpg" in error.what


def test_an_image_that_overflows_the_gradient_is_named():
    images, labels = blobs()
    images[11] = 3e38
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    error = failed(network, batches=MemoryBatches(images, labels, 16))
    assert "1 have a loss or a gradient that is no finite number: cats/11.jpg" in error.what


def test_an_image_that_overflows_the_outputs_is_named():
    images, labels = blobs()
    images[11] = 3e38
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    nn.init.ones_(network[1].weight)
    error = failed(network, batches=MemoryBatches(images, labels, 16))
    assert "1 make the network give what is no finite number: cats/11.jpg" in error.what


def test_a_rate_that_is_too_high_blames_the_weights_and_names_the_batch():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    images, _ = blobs()
    recipe = small_recipe(optimizer="sgd", learning_rate=1e18, epochs=30)
    error = failed(
        network, recipe, batches=MemoryBatches(images, torch.ones(96), 16),
        objective=Regression(), validate=None,
    )  # fmt: skip
    assert "No image of its batch explains it alone: cats/" in error.what
    assert error.what.count("cats/") == 16
    assert error.fix == "Lower the learning rate (1e+18: try --lr 1e+17) or use --clip-norm 1."


class Root(nn.Module):
    """Its value is finite, its gradient infinity times zero."""

    def forward(self, x):
        return x + (0 * x).sqrt()


def test_a_gradient_that_is_no_number_stops_before_the_update():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), Root())
    before = network[1].weight.detach().clone()
    error = failed(network, batches=small_batches())
    assert "the gradient's norm is nan" in error.what
    assert torch.equal(network[1].weight, before)


@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
)
def test_out_of_memory_says_what_to_use(fault):
    def objective(*_):
        raise fault

    error = failed(small_network(), objective=objective)
    assert error.code == "train-out-of-memory"
    assert "in a batch of 16 images" in error.what
    assert "--batch-size 8 --accumulate 2" in error.fix


def test_other_errors_of_the_network_pass_unchanged():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        small_fit(nn.Sequential(nn.Flatten(), nn.Linear(5, 3)), objective=SingleLabel())

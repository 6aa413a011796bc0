"""Frozen means frozen: no bit of it changes; its norms and its dropout rest."""

import pytest
import torch
from torch import nn

import striate as st
from small_training import (
    MemoryBatches,
    blobs,
    small_batches,
    small_fit,
    small_network,
    small_recipe,
    validation,
)
from striate.nn import AuxiliaryClassifier, Classifier, conv_norm, dense_head, pooled_linear
from striate.nn.stages import cut, freeze, rate_scales
from striate.training import Checkpoints, SingleLabel, StopSignal, fit
from striate.training.learner import train_mode

SETTINGS = {
    "sgd": {"optimizer": "sgd", "weight_decay": 0.1, "ema": 0.9},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.5, "ema": 0.9, "clip_norm": 0.5},
    "no average": {"optimizer": "adam", "weight_decay": 0.1},
}


def half_frozen(seed=0):
    """Convolution and batch norm are frozen, with numbers in them that averaging would change."""
    network = small_network(seed)
    network[:2].requires_grad_(False)
    with torch.no_grad():
        network[0].weight[0, 0, 0] = torch.tensor([-0.0, 1e-42, float(seed)])
    network[1].running_mean[:2] = torch.tensor([-0.0, 0.1])
    network[1].num_batches_tracked.fill_(7)
    network[1].register_buffer("edge", torch.tensor([float("inf"), -0.0]))
    return network


def bits(module):
    return {name: t.contiguous().numpy().tobytes() for name, t in module.state_dict().items()}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_no_bit_of_what_is_frozen_changes(settings):
    network = half_frozen()
    before, free = bits(network[:2]), bits(network[2:])
    small_fit(network, small_recipe(**settings))
    assert bits(network[:2]) == before
    assert all(tensor != free[name] for name, tensor in bits(network[2:]).items())


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_nor_after_going_on_from_a_checkpoint(tmp_path, settings):
    recipe, checkpoints = small_recipe(**settings), Checkpoints(tmp_path)
    whole, broken, resumed = half_frozen(), half_frozen(), half_frozen(seed=1)
    before = bits(whole[:2])
    small_fit(whole, recipe)
    stop, batches = StopSignal(), small_batches()
    plain = batches.epoch

    def epoch(number, start=0):
        for count, batch in enumerate(plain(number, start)):
            stop.requested = (number, count) == (1, 3)
            yield batch

    batches.epoch = epoch
    result = small_fit(broken, recipe, batches=batches, checkpoints=checkpoints, stop=stop)
    assert (result.outcome, result.steps) == ("interrupted", 10)
    for part in ("network", "ema") if "ema" in settings else ("network",):
        saved = checkpoints.latest().tensors(part)
        assert {n: saved[n].contiguous().numpy().tobytes() for n in before} == before
    small_fit(resumed, recipe, checkpoints=checkpoints, resume=True)
    assert bits(resumed[:2]) == before
    assert bits(resumed) == bits(whole)


def test_a_frozen_norm_is_in_eval_mode_at_every_step_and_after_each_judgement():
    network, modes = half_frozen().eval(), []
    network[6].train()
    batches = small_batches()
    plain = batches.epoch

    def epoch(number, start=0):
        for batch in plain(number, start):
            modes.append([module.training for module in network])
            yield batch

    def validate(judged):
        assert not any(module.training for module in judged.modules())
        return validation(judged)

    batches.epoch = epoch
    small_fit(network, batches=batches, validate=validate)
    assert len(modes) == 18
    assert all(mode == [False] * 2 + [True] * 6 for mode in modes)
    assert [module.training for module in network.modules()].count(True) == 1  # as it came
    assert network[6].training


def test_what_rests_and_what_does_not():
    def frozen(module):
        return module.requires_grad_(False)

    block = frozen(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)))
    network = nn.Sequential(
        nn.Dropout(0.1),  # of the image
        block,
        nn.Dropout(0.2),  # between frozen ones
        frozen(nn.Linear(2, 2)),
        nn.Dropout(0.3),  # before what learns
        nn.Linear(2, 2),
        nn.Dropout(0.4),
        frozen(nn.BatchNorm1d(2)),
        nn.BatchNorm1d(2, affine=False),
    ).eval()
    network[5].bias.requires_grad_(False)  # the weight alone learns
    train_mode(network)
    assert [child.training for child in network] == [
        True, False, False, False, True, True, True, False, True
    ]  # fmt: skip
    assert not any(module.training for module in block.modules())
    network.requires_grad_(True)
    train_mode(network)
    assert all(module.training for module in network.modules())


def with_dense_head(seed=0):
    """Two convolutions with norms, then three dense layers with dropout between."""
    torch.manual_seed(seed)
    features = nn.Sequential(conv_norm(1, 4, 3), conv_norm(4, 8, 3, 2))
    return Classifier(features, dense_head(8, 2, 3, units=16))


@pytest.mark.parametrize("last", [0, 1])
def test_training_the_tail_on_what_the_body_gave_is_training_the_network(last):
    slow, fast = with_dense_head(), with_dense_head()
    images, labels = blobs()
    freeze(slow, last)
    small_fit(slow, validate=None)
    body, tail = cut(fast, last)
    with torch.inference_mode():
        features = body.eval()(images)
    small_fit(tail, validate=None, batches=MemoryBatches(features.clone(), labels, 16))
    for name, tensor in slow.state_dict().items():
        torch.testing.assert_close(fast.state_dict()[name], tensor, msg=name)
    assert not torch.equal(slow.head.fc8.weight, with_dense_head().head.fc8.weight)
    assert torch.equal(slow.head.fc7.linear.weight, with_dense_head().head.fc7.linear.weight) == (
        last == 0
    )


def test_auxiliary_heads_rest_with_what_they_read():
    torch.manual_seed(0)
    features = nn.Sequential()
    features.add_module("one", conv_norm(1, 4, 3))
    features.add_module("two", conv_norm(4, 4, 3))
    network = AuxiliaryClassifier(features, pooled_linear(4, 3), {"one": pooled_linear(4, 3)})
    images, labels = blobs(8)
    freeze(network, 1)
    train_mode(network)
    answers = network(images)
    assert isinstance(answers, tuple)
    assert len(answers) == 1
    before = bits(network.auxiliary) | bits(features.one)
    result = small_fit(network, batches=MemoryBatches(images, labels, 8), validate=None)
    assert bits(network.auxiliary) | bits(features.one) == before
    assert result.history[0]["train_loss"] == pytest.approx(
        SingleLabel()(answers[0], labels).item(), rel=1e-5
    )
    freeze(network, 2)
    train_mode(network)
    assert len(network(images)) == 2


def test_each_stage_steps_at_its_own_rate():
    """Plain gradient descent: a step is the gradient times rate and scale."""
    torch.manual_seed(0)
    network = Classifier(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), pooled_linear(2, 3))
    images, labels = blobs(8)
    nn.functional.cross_entropy(network(images), labels).backward()
    before = {name: (w.detach().clone(), w.grad) for name, w in network.named_parameters()}
    recipe = small_recipe(
        optimizer="sgd", momentum=0.0, nesterov=False, weight_decay=0.0, epochs=1,
        schedule="constant", warmup=0.0, learning_rate=0.1,
    )  # fmt: skip
    batches, scales = MemoryBatches(images, labels, 8), rate_scales(network, 0.25)
    result = fit(network, batches, SingleLabel(), recipe, rate_scales=scales)
    assert result.history[0]["learning_rate"] == 0.1
    for name, weight in network.named_parameters():
        start, gradient = before[name]
        rate = 0.1 if name.startswith("head") else 0.025
        torch.testing.assert_close(weight, start - rate * gradient)


def test_models_of_layers_freeze_as_in_keras():
    layers = st.layers
    model = st.Sequential(
        [
            layers.Conv2D(4, 3, input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    images, labels = blobs(32)
    x, y = images.permute(0, 2, 3, 1).numpy(), labels.numpy()
    names = [name for name, child in model.network.named_children() if [*child.parameters()]]
    assert len(names) == 3
    for name in names[:2]:
        model.network.get_submodule(name).requires_grad_(False)
    before = bits(model.network)
    model.fit(x, y, epochs=2, batch_size=8, validation_data=(x, y), verbose=0)
    for name, tensor in bits(model.network).items():
        assert (tensor == before[name]) == (not name.startswith(names[2])), name
    model.network.requires_grad_(True)
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    moved = [name for name, tensor in bits(model.network).items() if tensor != before[name]]
    assert len(moved) == len(before)

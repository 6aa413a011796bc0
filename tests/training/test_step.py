"""One step: seeds, accumulation, clipping, mixed precision."""

import math

import pytest
import torch

from small_training import MemoryBatch, blobs, small_batches, small_network, small_recipe
from striate.training import SingleLabel
from striate.training.learner import make_learner
from striate.training.step import NotFinite, step, step_seed

CPU = torch.device("cpu")


def learner(**settings):
    recipe = small_recipe(**{"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, **settings})
    return make_learner(small_network(), SingleLabel(), recipe.settled(), CPU)


def batch() -> MemoryBatch:
    return next(small_batches().epoch(0))


def test_seeds_of_neighbouring_steps_share_nothing_and_fit_torch():
    seeds = [step_seed(seed, number) for seed in range(20) for number in range(500)]
    assert len({seed & 0xFFFFFFFF for seed in seeds}) > 9_990  # torch's CPU generator reads 32 bits
    assert min(seeds) >= 0
    assert max(seeds) < 2**64
    torch.default_generator.manual_seed(step_seed(2**63 - 1, 10**9))


def test_a_seed_is_what_torch_manual_seed_makes_of_it():
    one, two = learner(), learner()
    loss = step(one, [batch()], 0.1, seed=11)
    torch.manual_seed(11)
    outputs = two.network(batch().images)
    assert loss == SingleLabel()(outputs, batch().targets, None).item()


def test_the_clipped_gradient_has_the_norm_asked_for():
    one = learner(clip_norm=0.01)
    before = [weight.detach().clone() for weight in one.weights]
    step(one, [batch()], 1.0, seed=0)
    moved = [b - w for b, w in zip(before, one.weights, strict=True)]
    norm = math.sqrt(sum(part.square().sum().item() for part in moved))
    assert norm == pytest.approx(0.01, rel=1e-3)


def test_nothing_changes_when_the_loss_is_no_number():
    one = learner(ema=0.9)
    images, labels = blobs(16)
    before = {name: tensor.clone() for name, tensor in one.network.state_dict().items()}
    with pytest.raises(NotFinite):
        step(one, [MemoryBatch(images * math.nan, labels, labels.numpy())], 0.1, seed=0)
    for name, tensor in one.network.state_dict().items():  # batch norm's means among them
        assert torch.equal(tensor, before[name]), name
    assert one.ema.updates == 0
    assert all(weight.grad is None for weight in one.weights)


def test_mixed_precision_computes_in_half_and_keeps_whole_weights():
    one, seen = learner(), []
    one.amp = torch.bfloat16
    one.network[0].register_forward_hook(lambda *call: seen.append(call[2].dtype))
    step(one, [batch()], 0.1, seed=0)
    assert seen == [torch.bfloat16]
    assert {weight.dtype for weight in one.weights} == {torch.float32}


def test_a_scaler_takes_the_same_step_and_passes_over_an_overflow():
    plain, scaled = learner(), learner(clip_norm=5.0)
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for one in (plain, scaled):
        step(one, [batch()], 0.1, seed=0)
    for a, b in zip(plain.weights, scaled.weights, strict=True):
        torch.testing.assert_close(a, b)
    before = scaled.weights[0].detach().clone()
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=3e38)
    images, labels = blobs(16)
    step(scaled, [MemoryBatch(1000 * images, labels, labels.numpy())], 0.1, seed=1)
    assert torch.equal(scaled.weights[0], before)
    assert scaled.scaler.get_scale() == pytest.approx(1.5e38)

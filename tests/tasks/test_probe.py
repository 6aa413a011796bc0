"""A probe at every stage: what it reads, and that it tells learnt weights from random ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from striate import zoo
from striate.data import Batch
from striate.errors import DataError
from striate.metrics import wilson
from striate.nn import Classifier, conv_norm, pooled_linear
from striate.nn.stages import stages
from striate.tasks.probe import Probe, StageProbe, classifies, probe, settle_norms, stage_features
from striate.tasks.transfer_words import advice


def network(seed: int = 0) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = nn.Sequential()
        features.add_module("stem", conv_norm(3, 6, 3))
        features.add_module("pool", nn.MaxPool2d(2))
        features.add_module("stage1", conv_norm(6, 8, 3))
        return Classifier(features, pooled_linear(8, 3)).eval()


def batches(count: int = 60, seed: int = 0, size: int = 12) -> list[Batch]:
    """Noise whose channel `label` is a little brighter, in two batches."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=generator)
    images = torch.randn(count, 3, size, size, generator=generator)
    images[torch.arange(count), labels] += 0.5
    rows = np.arange(count)
    half = count // 2
    return [
        Batch(images[:half], labels[:half], rows[:half]),
        Batch(images[half:], labels[half:], rows[half:]),
    ]


def test_features_are_the_mean_of_what_a_stage_gives() -> None:
    net = network()
    parts = batches()
    (found,), labels = stage_features([net], stages(net)[:-1], parts)
    images = torch.cat([batch.images for batch in parts])
    with torch.no_grad():
        stem = net.features.pool(net.features.stem(images))
        last = net.features(images)
    assert list(found) == ["stem", "stage1"]
    np.testing.assert_allclose(found["stem"], stem.mean(dim=(2, 3)), atol=1e-6)
    np.testing.assert_allclose(found["stage1"], last.mean(dim=(2, 3)), atol=1e-6)
    assert labels.tolist() == torch.cat([batch.targets for batch in parts]).tolist()


def test_flattened_maps_are_averaged_over_their_positions() -> None:
    net = zoo.create("lenet5", classes=3, channels=1, image_size=28).eval()
    part = Batch(torch.randn(5, 1, 28, 28), torch.tensor([0, 1, 2, 0, 1]), np.arange(5))
    (found,), _ = stage_features([net], stages(net)[:-1], [part])
    convolutions = [name for name, m in net.features.named_children() if isinstance(m, nn.Conv2d)]
    assert found[convolutions[-1]].shape == (5, 16)


def test_no_hook_is_left_behind_and_every_mode_is_as_it_was() -> None:
    net = network().train()
    stage_features([net], stages(net)[:-1], batches())
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks for module in net.modules())


def test_settling_gives_norms_the_statistics_of_the_images_alone() -> None:
    net = network()
    weights = {name: value.clone() for name, value in net.named_parameters()}
    norm = next(m for m in net.features.stem.modules() if isinstance(m, nn.BatchNorm2d))
    momentum = norm.momentum
    norm.running_mean.fill_(7.0)  # of an earlier training: forgotten
    norm.num_batches_tracked.fill_(5)
    parts = batches()
    settle_norms(net, parts)
    convolution = next(m for m in net.features.stem.modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        means = [convolution(batch.images).mean(dim=(0, 2, 3)) for batch in parts]
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(dim=0))
    assert norm.momentum == momentum
    assert not any(module.training for module in net.modules())
    assert all(torch.equal(value, weights[name]) for name, value in net.named_parameters())


def test_the_regression_reads_what_is_there_and_nothing_where_there_is_nothing() -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(300) % 3
    telling = draw.normal(size=(300, 5)).astype(np.float32)
    telling[np.arange(300), labels] += 4
    noise = draw.normal(size=(300, 5)).astype(np.float32)
    seen, unseen = slice(0, 200), slice(200, 300)
    telling *= 1e-4  # scales do not matter
    known = classifies(telling[seen], labels[seen], telling[unseen])
    assert (known == labels[unseen]).mean() > 0.9
    guessed = classifies(noise[seen], labels[seen], noise[unseen])
    assert (guessed == labels[unseen]).mean() < 0.55


def test_the_rarest_class_of_one_image_can_be_fitted() -> None:
    features = np.array([[0.0], [0.1], [0.2], [5.0]], np.float32)
    labels = np.array([0, 0, 0, 1])
    assert classifies(features, labels, np.array([[60.0]], np.float32)).tolist() == [1]


def test_a_probe_tells_telling_weights_from_blind_ones() -> None:
    """One network passes the channels on; the other sees only their alternating sums."""
    learnt, blind = network(1), network(2)
    with torch.no_grad():
        for part in (learnt, blind):
            stem = next(m for m in part.features.stem.modules() if isinstance(m, nn.Conv2d))
            stem.weight.zero_()
        first = next(m for m in learnt.features.stem.modules() if isinstance(m, nn.Conv2d))
        for channel in range(3):
            first.weight[channel, channel, 1, 1] = 1.0
    found = probe(learnt, blind, batches(90), batches(60, seed=1))
    stem = found.stages[0]
    assert [stage.stage for stage in found.stages] == ["stem", "stage1"]
    assert (stem.features, found.train, found.val) == (6, 90, 60)
    assert stem.pretrained.value > 0.9
    assert stem.random.value < 0.6
    assert stem.p < 0.001
    assert found.stages[-1].p_last == 1.0
    counts = np.bincount(torch.cat([b.targets for b in batches(60, seed=1)]).numpy())
    assert found.chance == counts.max() / 60


def test_one_class_is_no_question() -> None:
    only = [replace(batch, targets=torch.zeros_like(batch.targets)) for batch in batches()]
    with pytest.raises(DataError, match="1 classes and 60 validation images") as caught:
        probe(network(), network(1), only, batches())
    assert caught.value.code == "probe-too-few"


def made(*shares: tuple[float, float, float, float]) -> Probe:
    """Stages a, b, … by (learnt, random, p, p_last), of 100 images."""
    return Probe(
        tuple(
            StageProbe(name, 8, wilson(100 * learnt, 100), wilson(100 * random, 100), p, p_last)
            for name, (learnt, random, p, p_last) in zip("abcdef", shares, strict=False)
        ),
        chance=0.5, train=300, val=100,
    )  # fmt: skip


def test_good_last_features_need_the_head_alone() -> None:
    said = advice(made((0.7, 0.6, 0.2, 0.001), (0.93, 0.6, 1e-6, 0.6), (0.95, 0.6, 1e-6, 1.0)))
    assert "95\u202f% and random ones 60\u202f%: that is what reuse is worth" in said[0]
    assert said[1].startswith("Features of b, 93\u202f%, are not shown to be worse")
    assert "--tune head is enough to begin with" in said[2]


def test_last_stages_that_forgot_are_to_be_retrained() -> None:
    said = advice(made((0.7, 0.6, 0.2, 1.0), (0.95, 0.6, 1e-6, 1e-4), (0.8, 0.6, 0.01, 0.2),
                       (0.75, 0.6, 0.01, 1.0)))  # fmt: skip
    assert said[-1].startswith("b knows more than the last stage, 95\u202f% against 75\u202f%")
    assert said[-1].endswith("--tune last:2.")


def test_weights_that_say_nothing_are_called_so() -> None:
    (said,) = advice(made((0.6, 0.6, 1.0, 1.0), (0.5, 0.7, 0.001, 1.0)))
    assert said.startswith("At no stage are the learnt weights shown to be better")


def test_poor_last_features_ask_for_more_than_a_head() -> None:
    said = advice(made((0.6, 0.5, 0.01, 0.4), (0.7, 0.5, 0.001, 1.0)))
    assert said[-1] == "The last features leave 30 points: fine-tuning, --tune all, may win some."

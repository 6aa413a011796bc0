"""The validation row of an epoch, against the definitions."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate.data import EvalBatches, TensorStore
from striate.tasks.loading import scaled
from striate.tasks.validation import scores, validation


@dataclass(frozen=True)
class Told:
    """Ranks of which each tells what the others told before it."""

    rank: int
    count: int
    before: list

    def gathered(self, value):
        self.before.append(value)
        return self.before


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_processes_answer_the_batches_of_one(count):
    images = torch.randn(45, 1, 4, 4)
    labels = np.arange(45) % 3
    known = torch.from_numpy(labels)
    val = EvalBatches(TensorStore(images), known, np.arange(45), batch_size=10)
    data = SimpleNamespace(
        val=val, task="single_label", target_scale=(0.0, 1.0), scaled_labels=lambda part: labels
    )
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    alone = validation(data)(network)
    told: list = []
    for rank in range(count):
        ranks = Told(rank, count, told)
        judge = validation(data, ranks=ranks)
        if rank < count - 1:
            with pytest.raises(
                (IndexError, ValueError)
            ):  # the last rank alone has heard of all images
                judge(network)
        else:
            assert judge(network) == alone
    assert sum(len(one) for one in told) == 45


OUTPUTS = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def test_one_label():
    truth = np.arange(20) % 4
    found = scores("single_label", OUTPUTS, truth.astype(np.float32))
    loss = F.cross_entropy(torch.from_numpy(OUTPUTS).double(), torch.from_numpy(truth))
    assert found["val_loss"] == pytest.approx(loss.item())
    assert found["val_accuracy"] == (OUTPUTS.argmax(1) == truth).mean()


def test_several_labels():
    truth = (OUTPUTS[::-1] > 0.3).astype(np.float32)
    found = scores("multi_label", OUTPUTS, truth)
    outputs, targets = torch.from_numpy(OUTPUTS).double(), torch.from_numpy(truth).double()
    loss = F.binary_cross_entropy_with_logits(outputs, targets)
    assert found["val_loss"] == pytest.approx(loss.item())
    assert found["val_label_accuracy"] == ((OUTPUTS > 0) == (truth > 0.5)).mean()


def test_numbers_in_their_own_unit():
    truth = np.linspace(50, 150, 20)
    outputs = OUTPUTS[:, :1]
    found = scores("regression", outputs, scaled(truth, (100.0, 20.0)), unit=20.0)
    off = np.abs(outputs[:, 0] * 20 + 100 - truth).mean()
    assert found["val_mean_absolute_error"] == pytest.approx(off, rel=1e-6)
    assert found["val_loss"] == pytest.approx(np.mean((outputs[:, 0] - (truth - 100) / 20) ** 2))

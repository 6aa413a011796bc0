"""What the training loop costs beside a bare one: LeNet-5, 28×28, batches of 128, SGD."""

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.side_by_side import compare
from striate import zoo
from striate.data import TensorStore, TrainBatches
from striate.training import Recipe, fit

STEPS, BATCH = 200, 128


def main() -> None:
    images = torch.randn(STEPS * BATCH, 1, 28, 28)
    labels = torch.randint(0, 10, (STEPS * BATCH,))
    batches = TrainBatches(
        TensorStore(images), labels, np.arange(len(images)), batch_size=BATCH, seed=0
    )
    recipe = Recipe(epochs=1, batch_size=BATCH, optimizer="sgd", learning_rate=0.01)

    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        return zoo.create("lenet5", classes=10, channels=1, image_size=28)

    def ours() -> None:
        def objective(outputs, targets, _weights):
            return F.cross_entropy(outputs, targets)

        fit(network(), batches, objective, recipe)

    def bare() -> None:
        net = network().to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(
            net.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True
        )
        order = torch.randperm(len(images)).split(BATCH)
        for rows in order:
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(net(images[rows]), labels[rows]).backward()
            optimizer.step()

    compare("The loop", {"bare torch loop": bare, "striate.training.fit": ours})


if __name__ == "__main__":
    main()

"""A bare loop in torch: channels last, fused Adam, batches by index; compiled if asked."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.contestants.asked import answer
from benchmarks.contestants.steps import asked_steps, seconds_per_step, workloads
from benchmarks.contestants.torch_networks import NETWORKS


class Trainer:
    def __init__(self, network: nn.Module, batch: int, compiled: bool) -> None:
        self.network, self.batch = network.to(memory_format=torch.channels_last), batch
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        self.loss = torch.compile(self._loss, dynamic=False) if compiled else self._loss

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.network(images), labels)

    def epoch(self, x: np.ndarray, y: np.ndarray) -> None:
        images, labels = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y)
        for rows in torch.randperm(len(images)).split(self.batch):
            self.optimizer.zero_grad(set_to_none=True)
            self.loss(images[rows], labels[rows]).backward()
            self.optimizer.step()


def main() -> None:
    request = asked_steps()
    torch.manual_seed(request.seed)
    times = {}
    for key, network, batch in workloads(request):
        trainer = Trainer(NETWORKS[network](), batch, request.compile)
        times[key] = seconds_per_step(trainer.epoch, network, batch, request)
    answer(**times)


if __name__ == "__main__":
    main()

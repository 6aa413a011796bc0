"""Lightning's `Trainer` in its barebones mode, with a loader that takes whole batches by index."""

import logging
import warnings

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from benchmarks.contestants.asked import answer
from benchmarks.contestants.steps import asked_steps, seconds_per_step, workloads
from benchmarks.contestants.torch_networks import NETWORKS


class Classifier(L.LightningModule):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        return F.cross_entropy(self.network(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)


def main() -> None:
    request = asked_steps()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.manual_seed(request.seed)
    times = {}
    for key, network, batch in workloads(request):
        module = Classifier(NETWORKS[network]())

        def epoch(x: np.ndarray, y: np.ndarray, module=module, batch=batch) -> None:
            data = TensorDataset(torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y))
            sampler = BatchSampler(RandomSampler(data), batch, drop_last=True)
            trainer = L.Trainer(max_epochs=1, accelerator="cpu", barebones=True)
            trainer.fit(module, DataLoader(data, sampler=sampler, batch_size=None))

        times[key] = seconds_per_step(epoch, network, batch, request)
    answer(**times)


if __name__ == "__main__":
    main()

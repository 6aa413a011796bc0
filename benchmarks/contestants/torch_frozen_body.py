"""Head-only training the plain way: every epoch runs the images through the frozen body.

Tuned: pictures are decoded and resized once and kept; channels last; no gradients in the body;
augmentation by one shift and flip per batch, which costs nothing.
"""

import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.contestants import torchvision_operators  # noqa: F401  (first)
from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.torch_photographs import CANVAS, SIDE, network_input, opened

from torchvision.models import squeezenet1_1  # isort: skip

BATCH, HELD_OUT = 32, 60


def main() -> None:
    options = parser()
    options.add_argument("--epochs", type=int, default=20)
    request = asked(options)
    torch.manual_seed(request.seed)
    photographs, weights = request.data / "cats-dogs", request.data / "weights"
    started = time.perf_counter()
    images, labels = opened(photographs / "train")
    order = torch.randperm(len(images))
    held_out, rows = order[:HELD_OUT], order[HELD_OUT:]
    network = squeezenet1_1()
    network.load_state_dict(load_file(weights / "squeezenet1_1-imagenet.safetensors"))
    network.classifier[1] = nn.Conv2d(512, 2, kernel_size=1)
    network = network.to(memory_format=torch.channels_last).eval()
    body, head = network.features, network.classifier
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, fused=True)
    begun = time.perf_counter()
    for _ in range(request.epochs):
        head.train()
        for batch in rows[torch.randperm(len(rows))].split(BATCH):
            with torch.no_grad():
                features = body(augmented(images[batch]))
            optimizer.zero_grad()
            F.cross_entropy(head(features).flatten(1), labels[batch]).backward()
            optimizer.step()
        head.eval()
        accuracy(network, images[held_out], labels[held_out])
    ended = time.perf_counter()
    answer(
        training=ended - started,
        epochs=ended - begun,
        accuracy=accuracy(network, *opened(photographs / "test")),
    )


def augmented(images: Tensor) -> Tensor:
    top, left = torch.randint(0, CANVAS - SIDE + 1, (2,)).tolist()
    cut = network_input(images[:, :, top : top + SIDE, left : left + SIDE])
    return cut.flip(3) if torch.rand(()) < 0.5 else cut


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    edge = (CANVAS - SIDE) // 2
    centre = images[:, :, edge : edge + SIDE, edge : edge + SIDE]
    answers = [network(network_input(batch)).argmax(1) for batch in centre.split(BATCH)]
    return (torch.cat(answers) == labels).float().mean().item()


if __name__ == "__main__":
    main()

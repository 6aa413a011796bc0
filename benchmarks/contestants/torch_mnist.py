"""PyTorch's MNIST example, or a short one-cycle recipe, until 99 % of the test images are right.

Source: pytorch/examples, mnist: two convolutions, Adadelta at 1.0, falling by 0.7 an epoch, batches
of 64; tested after every epoch. Tuned: images in memory, batches by index, channels last. The
one-cycle recipe: five convolutions with batch norms, SGD, batches of 256, tested at its end.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.idx import mnist


def example() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def five_convolutions() -> nn.Sequential:
    parts: list[nn.Module] = []
    channels, pooled = (1, 16, 32, 32, 64, 64), (1, 3)
    for stage, (ins, outs) in enumerate(pairwise(channels)):
        parts += [nn.Conv2d(ins, outs, 3, padding=1, bias=False), nn.BatchNorm2d(outs), nn.ReLU()]
        parts += [nn.MaxPool2d(2)] if stage in pooled else []
    return nn.Sequential(*parts, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def main() -> None:
    options = parser()
    options.add_argument("--recipe", choices=("example", "one-cycle"), default="example")
    options.add_argument("--epochs", type=int, help="at most; of one-cycle, exactly")
    options.add_argument("--until", type=float, default=0.99)
    request = asked(options)
    torch.manual_seed(request.seed)
    train, test = (read(request.data, part) for part in ("train", "t10k"))
    if request.recipe == "example":
        epochs, batch, network = request.epochs or 14, 64, example()
        optimizer: torch.optim.Optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, len(train[0]) // batch, gamma=0.7)
    else:
        epochs, batch, network = request.epochs or 2, 256, five_convolutions()
        optimizer = torch.optim.SGD(
            network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
        )
        steps = epochs * (len(train[0]) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    network = network.to(memory_format=torch.channels_last)
    right, epoch = 0.0, 0
    while right < request.until and epoch < epochs:
        epoch += 1
        train_epoch(network, train, batch, optimizer, schedule)
        if request.recipe == "example" or epoch == epochs:
            right = accuracy(network, test)
    answer(accuracy=right, epochs=epoch)


def read(data, part: str) -> tuple[Tensor, Tensor]:
    images, labels = mnist(data, part)
    pixels = torch.from_numpy(images.copy())[:, None]
    return (pixels.float() / 255 - 0.1307) / 0.3081, torch.from_numpy(labels.astype("int64"))


def train_epoch(network, train, batch, optimizer, schedule) -> None:
    network.train()
    images, labels = train
    for rows in torch.randperm(len(images)).split(batch):
        if len(rows) < batch:
            break
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(images[rows]), labels[rows]).backward()
        optimizer.step()
        schedule.step()


@torch.inference_mode()
def accuracy(network: nn.Module, test: tuple[Tensor, Tensor]) -> float:
    network.eval()
    answers = torch.cat([network(batch).argmax(1) for batch in test[0].split(1000)])
    return (answers == test[1]).float().mean().item()


if __name__ == "__main__":
    main()

"""A process that runs jobs of several ranks in forked children: torch is imported once.

Says `ready`, then reads an order a line, {"job", "ranks", "folder", "options"}, and answers with a
list: of every rank its exit status, negative for a signal, and what its job gave.
"""

import copy
import hashlib
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from small_training import MemoryBatches, blobs, small_fit, small_network, small_recipe, validation
from striate import zoo
from striate.data import TensorStore, TrainBatches
from striate.errors import StriateError
from striate.training import (
    Checkpoints,
    Notice,
    Ranks,
    SingleLabel,
    StopSignal,
    fit,
    world_ranks,
)


class Weighted(nn.Module):
    """A network that does not use all of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(64, 3), nn.Linear(64, 3)

    def forward(self, images):
        return self.used(images.flatten(1))


def network_of(kind: str, dtype: torch.dtype) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = small_network()
        network[6].p = 0.0
        if kind == "plain":
            network[1] = nn.Identity()
        elif kind == "averaged norm":
            network[1] = nn.BatchNorm2d(4, momentum=None, affine=False)
        elif kind == "flat norm":
            network.insert(6, nn.BatchNorm1d(72))
        elif kind == "group norm":
            network[1] = nn.GroupNorm(2, 4)
        elif kind == "frozen norm":
            network[0].requires_grad_(False)
            network[1].requires_grad_(False)
        elif kind == "striatenet":
            network = zoo.create("striatenet", classes=3, channels=1, image_size=8)
        elif kind == "idle":
            network = Weighted()
        elif kind == "dropout":
            network[6].p = 0.3
    return network.to(dtype)


def batches_of(kind: str, dtype: torch.dtype):
    images, labels = blobs(99)
    images = images.to(dtype)
    if kind == "memory":
        return MemoryBatches(images, labels, 15)  # parts of 7 and 8
    made = TrainBatches(TensorStore(images), labels, np.arange(99), batch_size=15, seed=3)
    if kind == "rest":
        return replace(made, keep_rest=True)  # the last batch has 9 images
    if kind == "sampler":
        return replace(made, sample_weights=np.linspace(0.1, 1, 99))
    if kind == "weights":
        return replace(made, loss_weights=torch.linspace(0.1, 2, 99))
    raise ValueError(kind)


def hashed(network: nn.Module) -> str:
    state = network.state_dict()
    parts = [state[name].contiguous().numpy().tobytes() for name in sorted(state)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def equal(ranks: Ranks, _: Path, kind="norm", batches="memory", dtype="float32", **settings):
    """Train shared, and the same alone: how far they are apart, as a share of the largest weight.

    `start` is how far apart the untrained network is.
    """
    exact = getattr(torch, dtype)
    recipe = small_recipe(**{"epochs": 2, "batch_size": 15, **settings})
    network = network_of(kind, exact)
    names, untrained = list(network.state_dict()), copy.deepcopy(network.state_dict())
    if not ranks.first:  # the first one's weights must count
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(1)
    train = batches_of(batches, exact)

    def judge(judged):
        return validation(copy.deepcopy(judged).float()) if ranks.first else {"loss": 0.0}

    result = fit(network, train, SingleLabel(), recipe, ranks=ranks, validate=judge)
    told = {
        "hash": hashed(network),
        "losses": [row["train_loss"] for row in result.history],
        "judged": [row["val_loss"] for row in result.history],
        "images": result.images_per_second > 0,
        "names": list(network.state_dict()) == names,
        "forwards": any("forward" in module.__dict__ for module in network.modules()),
    }
    if ranks.first:
        alone = network_of(kind, exact)
        expected = fit(alone, train, SingleLabel(), recipe, validate=judge)
        told["apart"] = apart(network.state_dict(), alone.state_dict())
        told["start"] = apart(network.state_dict(), untrained)
        told["loss_apart"] = max(
            abs(here["train_loss"] - there["train_loss"])
            for here, there in zip(result.history, expected.history, strict=True)
        )
    return told


def apart(one, other) -> float:
    return max(
        ((one[name] - other[name]).abs().max() / other[name].abs().max().clamp_min(1e-30)).item()
        for name in other
        if other[name].is_floating_point()
    )


class Breaking:
    """Batches that call something before a certain one is given."""

    def __init__(self, batches, at: int, call) -> None:
        self.batches, self.steps, self.left, self.call = batches, batches.steps, at, call

    def epoch(self, epoch: int, start: int = 0):
        for batch in self.batches.epoch(epoch, start):
            self.left -= 1
            if self.left == 0:
                self.call()
            yield batch


def go_on(ranks: Ranks, _: Path, keep: str, stop_at=0, stop_rank=1, signal_number=15, **settings):
    """Train in the folder `keep`, resuming what is there; one rank may be asked to stop."""
    stop, notices = StopSignal(), []
    recipe = small_recipe(**{"epochs": 3, "batch_size": 15, "ema": 0.9, **settings})
    batches = batches_of("memory", torch.float32)
    if stop_at and ranks.rank == stop_rank:
        batches = Breaking(batches, stop_at, lambda: stop.request(signal_number))
    network = network_of("dropout", torch.float32)
    result = fit(
        network, batches, SingleLabel(), recipe, ranks=ranks, stop=stop, validate=validation,
        checkpoints=Checkpoints(Path(keep)), resume=True,
        on_event=lambda event: notices.append(event.sentence) if isinstance(event, Notice) else 0,
    )  # fmt: skip
    return {
        "outcome": result.outcome,
        "steps": result.steps,
        "hash": hashed(network),
        "signal": stop.signal,
        "notices": notices,
        "losses": [row["train_loss"] for row in result.history],
    }


def poisoned(ranks: Ranks, folder: Path, record=40):
    """An image that is no number: which error comes, and what is told."""
    images, labels = blobs(96)
    images[record, 0, 3, 3] = torch.nan
    told = []
    try:
        fit(
            small_network(), MemoryBatches(images, labels, 16), SingleLabel(), small_recipe(),
            ranks=ranks, on_event=told.append, checkpoints=Checkpoints(folder / "checkpoints"),
            name_of=lambda one: f"cats/{one}.jpg",
        )  # fmt: skip
    except StriateError as error:
        codes = [event.code for event in told if isinstance(event, Notice)]
        return {"code": error.code, "what": error.what, "told": codes, "events": len(told)}
    return {}


def killed(ranks: Ranks, _: Path, keep: str, at=4):
    """Rank 1 is killed before its step `at`: what the others meet, and when."""
    batches = batches_of("memory", torch.float32)
    moment = Path(keep) / "moment"
    if ranks.rank == 1:

        def die():
            moment.write_text(str(time.monotonic()))
            os.kill(os.getpid(), signal.SIGKILL)

        batches = Breaking(batches, at, die)
    try:
        fit(
            network_of("norm", torch.float32), batches, SingleLabel(),
            small_recipe(batch_size=15, checkpoint_steps=1), ranks=ranks,
            checkpoints=Checkpoints(Path(keep) / "checkpoints"),
        )  # fmt: skip
    except StriateError as error:
        late = time.monotonic() - float(moment.read_text())
        return {"code": error.code, "what": error.what, "seconds": late}
    return {}


def differing(ranks: Ranks, _: Path):
    """Each rank was asked for another learning rate."""
    try:
        fit(
            small_network(), MemoryBatches(*blobs(), 16), SingleLabel(),
            small_recipe(learning_rate=0.1 + ranks.rank), ranks=ranks,
        )  # fmt: skip
    except StriateError as error:
        return {"code": error.code, "what": error.what}
    return {}


def parts(ranks: Ranks, _: Path):
    """What the ranks tell one another."""
    total = torch.tensor([1.0, ranks.rank])
    ranks.sum_(total)
    return {
        "sum": total.tolist(),
        "first": ranks.from_first(lambda: f"of {ranks.rank}"),
        "gathered": ranks.gathered(ranks.rank),
        "any": [ranks.any(ranks.rank == 1), ranks.any(False)],
    }


JOBS = {job.__name__: job for job in (equal, go_on, poisoned, killed, differing, parts)}


def one_rank(order: dict, rank: int, folder: Path) -> None:
    store = dist.FileStore(str(folder / "store"), order["ranks"])
    dist.init_process_group(
        "gloo", store=store, rank=rank, world_size=order["ranks"], timeout=timedelta(seconds=60)
    )
    found = JOBS[order["job"]](world_ranks(), folder, **order["options"])
    (folder / f"{rank}.json").write_text(json.dumps(found))
    if order["job"] != "killed":
        dist.barrier()


def forked(order: dict, rank: int, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            one_rank(order, rank, folder)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def main() -> None:
    torch.set_num_threads(1)
    small_fit(small_network(), small_recipe(epochs=1))  # what torch imports at first use
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        folder = Path(order["folder"])
        children = [forked(order, rank, folder) for rank in range(order["ranks"])]
        answers = []
        for rank, child in enumerate(children):
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            file = folder / f"{rank}.json"
            given = json.loads(file.read_text()) if file.exists() else {}
            answers.append({"status": status, **given})
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()

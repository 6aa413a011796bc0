"""Probe: how much of the question is already answered at every stage of a network.

At each stage the maps are averaged over their positions and a logistic regression is fitted on
them: on training images, judged on validation images, never on the test part. What the learnt
weights add is told from a network of the same shape with random weights.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from striate import zoo
from striate.data import Batch, EvalBatches, Preprocessing, canvas_store, default_cache
from striate.errors import DataError
from striate.explain import evaluating
from striate.explain.embed import pooled
from striate.inference import BATCH_SIZE, device_of
from striate.metrics import Estimate, wilson
from striate.metrics.compare import mcnemar
from striate.nn import HeadedNetwork
from striate.nn.stages import Stage, stages
from striate.tasks.preparing import Prepared
from striate.tasks.weights import StartingWeights, put_into
from striate.training import OnEvent, StageProgress, choose_device, ignore

STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of the regression: its inverse penalty
FOLDS = 3  # of the cross-validation that chooses it, on the training images alone
MOST = 2_000  # images to fit on, and to judge on
SETTLING = 256  # images from which a random network's batch norms get their statistics
LEARNING = "Reading every stage"
FITTING = "Probing the stages"

Rows = NDArray[np.float32]  # [n, K]: features of n images


@dataclass(frozen=True)
class StageProbe:
    """Accuracy of the linear probe at one stage, on n validation images.

    Args:
        features: numbers an image.
        p: of "learnt and random weights serve equally", McNemar's exact test.
        p_last: of "this stage serves as well as the last", with learnt weights.
    """

    stage: str
    features: int
    pretrained: Estimate
    random: Estimate
    p: float
    p_last: float


@dataclass(frozen=True)
class Probe:
    """A probe of all stages, from the image to the answer.

    Args:
        chance: accuracy of always naming the commonest class.
        train, val: images fitted on and judged on.
    """

    stages: tuple[StageProbe, ...]
    chance: float
    train: int
    val: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def probe_weights(
    weights: StartingWeights,
    prepared: Prepared,
    preprocessing: Preprocessing,
    *,
    seed: int = 0,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> Probe:
    """Probe weights on the training and validation images, at most `MOST` of each."""
    where, dataset = choose_device(device), prepared.training_part()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pretrained, random = (
            zoo.create(
                weights.name,
                classes=len(dataset.classes),
                channels=preprocessing.channels,
                image_size=preprocessing.size,
            ).to(where)
            for _ in range(2)
        )
    put_into(pretrained, weights, dataset.classes)
    store = canvas_store(
        dataset,
        preprocessing,
        workers=os.cpu_count() or 1,
        cache=default_cache(),
        epochs=2,
        hashes=prepared.hashes(),
    )
    draw = np.random.default_rng(seed)
    train, val = (
        EvalBatches(
            store,
            torch.from_numpy(dataset.labels),
            draw.permutation(dataset.where(part))[:MOST],
            batch_size=BATCH_SIZE,
            preprocessing=preprocessing,
        )
        for part in ("train", "val")
    )
    return probe(pretrained, random, train, val, seed=seed, on_event=on_event)


def probe(
    pretrained: HeadedNetwork,
    random: HeadedNetwork,
    train: Iterable[Batch],
    val: Iterable[Batch],
    *,
    seed: int = 0,
    on_event: OnEvent = ignore,
) -> Probe:
    """Probe both networks at every stage.

    Both are left as they were found, but for the batch norms of `random`: their statistics are
    taken from the first training images, else its deeper stages would see values of no scale.

    Args:
        random: the same architecture with the weights it starts with.
        train, val: batches of images and class numbers; `train` in a random order, and iterated
            twice where the network has batch norms.
    Raises:
        DataError: there are no validation images, or only one class to learn.
    """
    settle_norms(random, train)
    both, where = (pretrained, random), stages(pretrained)[:-1]
    (learnt, learnt_random), truth = stage_features(both, where, train, on_event)
    (unseen, unseen_random), answers = stage_features(both, where, val, on_event)
    _check(truth, answers)
    rights: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    for number, stage in enumerate(where):
        on_event(StageProgress(FITTING, number, len(where)))
        known = classifies(learnt[stage.name], truth, unseen[stage.name], seed)
        guessed = classifies(learnt_random[stage.name], truth, unseen_random[stage.name], seed)
        rights.append((known == answers, guessed == answers))
    on_event(StageProgress(FITTING, len(where), len(where)))
    last = rights[-1][0]
    found = [
        StageProbe(
            stage.name, learnt[stage.name].shape[1], _accuracy(known), _accuracy(guessed),
            _p(guessed, known), _p(known, last),
        )
        for stage, (known, guessed) in zip(where, rights, strict=True)
    ]  # fmt: skip
    chance = float(np.bincount(answers).max()) / len(answers)
    return Probe(tuple(found), chance, len(truth), len(answers))


def stage_features(
    networks: Sequence[nn.Module],
    where: Sequence[Stage],
    batches: Iterable[Batch],
    on_event: OnEvent = ignore,
) -> tuple[list[dict[str, Rows]], NDArray[np.int64]]:
    """Features [n, K] by stage for each network, and the class numbers [n], in one pass."""
    found: list[dict[str, list[Tensor]]] = [{stage.name: [] for stage in where} for _ in networks]
    labels: list[Tensor] = []
    done = 0
    for batch in batches:
        for network, rows in zip(networks, found, strict=True):
            images = batch.images.to(device_of(network))
            with evaluating(network), torch.inference_mode(), _listening(network, where, rows):
                network(images)
        labels.append(batch.targets.cpu())
        done += len(batch.images)
        on_event(StageProgress(LEARNING, done, max(done, _total(batches))))
    tables = [{name: torch.cat(parts).numpy() for name, parts in rows.items()} for rows in found]
    return tables, torch.cat(labels).numpy().astype(np.int64)


def classifies(features: Rows, labels: NDArray[np.int64], unseen: Rows, seed: int = 0) -> Any:
    """Class numbers [m] that a logistic regression on features [n, K] gives to unseen ones [m, K].

    Features are brought to mean 0 and deviation 1; the penalty is chosen by cross-validation.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from striate.tasks.cross_validation import stopping_silently

    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTHS[2], max_iter=300))
    folds = min(FOLDS, int(np.bincount(labels)[np.unique(labels)].min()))
    if folds > 1:
        parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
        model = GridSearchCV(model, {"logisticregression__C": STRENGTHS}, cv=parts)
    with stopping_silently():  # its answer is as good by then
        model.fit(features.astype(np.float64), labels)
    return model.predict(unseen.astype(np.float64))


@torch.no_grad()
def settle_norms(network: nn.Module, batches: Iterable[Batch]) -> None:
    """Give batch norms the mean and variance of the first images; nothing else is changed."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    found = [(norm.momentum, norm.training) for norm in norms]
    with evaluating(network):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum, norm.training = None, True  # None: the mean over all batches
        seen = 0
        for batch in batches:
            network(batch.images.to(device_of(network)))
            seen += len(batch.images)
            if seen >= SETTLING:
                break
    for norm, (momentum, training) in zip(norms, found, strict=True):
        norm.momentum, norm.training = momentum, training


@contextmanager
def _listening(
    network: nn.Module, where: Sequence[Stage], rows: dict[str, list[Tensor]]
) -> Iterator[None]:
    """While the network runs, append what every stage gives, averaged over positions."""
    with ExitStack() as stack:
        for stage in where:
            channels: list[int] = []  # of the stage's maps, before anything flattened them
            for path in stage.paths:
                keep = _keeping(path, channels, rows[stage.name] if path == stage.paths[-1] else [])
                stack.callback(network.get_submodule(path).register_forward_hook(keep).remove)
        yield


def _keeping(path: str, channels: list[int], rows: list[Tensor]) -> Callable[..., None]:
    def keep(_module: nn.Module, _inputs: object, values: Tensor) -> None:
        if values.ndim == 4:
            channels[:] = [values.shape[1]]
        elif values.ndim == 2 and channels and values.shape[1] % channels[0] == 0:
            # maps that were flattened: [N, K * positions] -> [N, K, positions, 1]
            values = values.reshape(len(values), channels[0], -1, 1)
        rows.append(pooled(values, len(values), path).float().cpu())

    return keep


def _check(truth: NDArray[np.int64], answers: NDArray[np.int64]) -> None:
    if not len(answers) or len(np.unique(truth)) < 2:
        raise DataError(
            "probe-too-few",
            f"A probe needs images of two classes to learn from and some to be judged on, got "
            f"{len(np.unique(truth))} classes and {len(answers)} validation images.",
            "Give it more images, or a larger --val.",
        )


def _accuracy(right: NDArray[np.bool_]) -> Estimate:
    return wilson(int(right.sum()), len(right))


def _p(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return mcnemar(int((one & ~other).sum()), int((other & ~one).sum()))


def _total(batches: Iterable[Batch]) -> int:
    indices = getattr(batches, "indices", ())
    return len(indices)

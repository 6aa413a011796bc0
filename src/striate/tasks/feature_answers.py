"""A head of scikit-learn on frozen features, fitted in place of a training by steps."""

import time

import numpy as np

from striate.inference import network_outputs
from striate.nn import HeadedNetwork
from striate.nn.feature_heads import feature_rows, put_head
from striate.nn.stages import cut
from striate.tasks.features import cached_features
from striate.tasks.heads import HeadKind, fit_head
from striate.tasks.loading import TrainingData
from striate.tasks.plan import Plan
from striate.tasks.run_folder import RunFolder
from striate.tasks.validation import scores
from striate.training import (
    EpochEnded,
    FitResult,
    Notice,
    OnEvent,
    StopSignal,
    TrainingEnded,
    TrainingStarted,
)


def answer_by_features(
    network: HeadedNetwork,
    kind: HeadKind,
    plan: Plan,
    data: TrainingData,
    folder: RunFolder,
    watch: OnEvent,
    stop: StopSignal,
) -> FitResult:
    """Give the network a head that scikit-learn fits on its frozen features: one pass, no steps.

    With views, every view of a training image is fitted on, with its label.

    Raises:
        UsageError: the task is one that such a head cannot answer.
        DataError: the features cannot be fitted.
        KeyboardInterrupt: a stop was asked for; there is nothing yet to keep.
    """
    began = time.perf_counter()
    body, _ = cut(network, 0)
    records, views = data.train.indices, plan.request.views or 1
    watch(TrainingStarted(1, 1, len(records), 0, 0, str(data.train.device)))
    with cached_features(
        body, data, views=views, folder=folder.path, on_event=watch, stop=stop
    ) as features:
        kept = features.train.features
        rows = [
            feature_rows(kept.gather(records, np.full(len(records), view, np.int64)))
            for view in range(kept.views)
        ]
        fitted = fit_head(
            kind,
            np.concatenate([one.numpy() for one in rows]),
            np.concatenate([data.dataset.labels[records]] * kept.views),
            classes=len(data.dataset.classes),
            task=data.task,
            seed=plan.request.seed,
        )
        row = {
            "epoch": 1,
            "train_loss": _loss(data, network_outputs(fitted.module, [rows[0]]), "train"),
        }
        if features.val is not None:
            found = network_outputs(fitted.module, (batch.images for batch in features.val))
            row |= scores(data.task, found, data.scaled_labels("val").astype(np.float32))
    put_head(network, fitted.module)
    for reason in fitted.reasons:
        watch(Notice("info", "plan", reason))
    row |= {"learning_rate": 0.0, "seconds": time.perf_counter() - began}
    watch(EpochEnded(1, 1, row, True))
    result = FitResult([row], 1, 1, 1, row["seconds"], len(records) / row["seconds"], "finished")
    watch(
        TrainingEnded(result.outcome, 1, 1, result.steps, result.seconds, result.images_per_second)
    )
    return result


def _loss(data: TrainingData, outputs: np.ndarray, part: str) -> float:
    return scores(data.task, outputs, data.scaled_labels(part).astype(np.float32))["val_loss"]

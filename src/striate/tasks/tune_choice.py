"""A plan for given weights brought to its end: which way to tune them, and how, by a probe."""

from dataclasses import replace

import numpy as np

from striate.errors import UsageError
from striate.nn import HeadedNetwork
from striate.nn.feature_heads import feature_rows
from striate.nn.stages import cut, stages
from striate.tasks.cross_validation import error_rate, folds_of
from striate.tasks.features import cached_features
from striate.tasks.heads import linear_pipeline
from striate.tasks.loading import TrainingData
from striate.tasks.phases import work_below_answer
from striate.tasks.plan import Plan, recipe_of
from striate.tasks.request import TrainRequest
from striate.tasks.run_folder import RunFolder
from striate.tasks.tuning import Chosen, choose, tuned_recipe, views_of
from striate.training import Notice, OnEvent

PROBED = 600  # training images that the probe looks at
STRENGTH = 1e-2  # C of its logistic regression
TOO_FEW = 10  # training images of a class that are hardly enough for anything


def settled(
    plan: Plan, network: HeadedNetwork, data: TrainingData, folder: RunFolder, watch: OnEvent
) -> Plan:
    """With `tune`, `views` and the learning rate filled in, each with its reason.

    Raises:
        UsageError: more stages are to be trained than the network has.
    """
    request = plan.request
    chosen = _way(plan, network, data, folder, watch)
    if chosen.tune.startswith("last:"):
        _check_depth(chosen.tune, network)
    values = tuned_recipe(chosen.tune, recipe_of(request))
    if few := _few(data):
        watch(Notice("warning", "train-few-images", few))
    if request.views is None and request.head == "linear":
        below = work_below_answer(network, plan.preprocessing)
        values["views"] = views_of(len(data.train.indices), below)
    filled = request.model_copy(update={"tune": chosen.tune, **values})
    return replace(
        plan,
        request=TrainRequest.model_validate(filled.model_dump()),
        reasons=(*plan.reasons, chosen.reason),
    )


def _way(
    plan: Plan, network: HeadedNetwork, data: TrainingData, folder: RunFolder, watch: OnEvent
) -> Chosen:
    request = plan.request
    if request.head != "linear":
        return Chosen("head", f"Frozen features answer through {request.head}: asked for.")
    if request.tune != "auto":
        return Chosen(request.tune, f"Trained is {request.tune}: asked for.")
    counts: list[int] = []
    if data.task == "single_label":
        counts = np.bincount(data.labels("train"), minlength=len(data.dataset.classes)).tolist()
    elif data.task == "multi_label":
        counts = [int(n) for n in data.labels("train").sum(axis=0)]
    probe = _probe(network, data, folder, watch) if data.task == "single_label" else None
    return choose(counts, len(data.train.indices), len(stages(network)) - 1, probe)


def _probe(
    network: HeadedNetwork, data: TrainingData, folder: RunFolder, watch: OnEvent
) -> tuple[float, int] | None:
    """The cross-validated accuracy of a logistic regression on the frozen features."""
    labels = data.labels("train")
    rows = np.sort(np.random.default_rng(0).permutation(len(labels))[:PROBED])
    folds = folds_of(labels[rows], seed=0)
    if not folds:
        return None
    body, _ = cut(network, 0)
    some = replace(
        data, train=replace(data.train, indices=data.train.indices[rows], sample_weights=None),
        val=None,
    )  # fmt: skip
    with cached_features(body, some, views=1, folder=folder.path, on_event=watch) as features:
        read = features.train.features.gather(some.train.indices, np.zeros(len(rows), np.int64))
    values = feature_rows(read).numpy().astype(np.float64)
    errors = error_rate(linear_pipeline("logistic", STRENGTH), values, labels[rows], folds)
    return 1 - errors, len(rows)


def _check_depth(tune: str, network: HeadedNetwork) -> None:
    names = [stage.name for stage in stages(network)[:-1]]
    if int(tune.removeprefix("last:")) > len(names):
        raise UsageError(
            "train-tune-depth",
            f"--tune {tune}: {network.name} has {len(names)} stages before its answer: "
            f"{', '.join(names)}.",
            "Take fewer, or --tune all.",
        )


def _few(data: TrainingData) -> str:
    """A sentence where classes have hardly any images; else empty."""
    if data.task != "single_label":
        return ""
    counts = np.bincount(data.labels("train"), minlength=len(data.dataset.classes))
    rare = [name for name, n in zip(data.dataset.classes, counts, strict=True) if n < TOO_FEW]
    if not rare:
        return ""
    shown = ", ".join(rare[:5]) + (f" and {len(rare) - 5} more" if len(rare) > 5 else "")
    return (
        f"There are fewer than {TOO_FEW} training images of {shown}: what is learnt of them is "
        "mostly chance. A few dozen more of each make a great difference."
    )

"""The parts of a report that are not scores: data, model, training, how to do it again."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from striate.data import CheckReport, Dataset, split_findings
from striate.model import Model
from striate.tasks.plan import Plan
from striate.tasks.preparing import Prepared
from striate.tasks.run_folder import RunFolder
from striate.training import FitResult, fingerprint

EXCLUDED_SHOWN = 1_000


def training_facts(
    model: Model, plan: Plan, prepared: Prepared, result: FitResult, folder: RunFolder
) -> dict[str, Any]:
    """Everything of a training's report but the scores and the gallery."""
    device = next(model.network.parameters()).device
    return {
        "name": folder.path.name,
        "history": result.history,
        "data": data_facts(plan.request.data, prepared.dataset, prepared.report),
        "model": model_facts(model, plan.reasons, plan.request.model),
        "training": {
            "seconds": result.seconds,
            "epochs": result.epochs_done,
            "best_epoch": result.best_epoch,
            "outcome": result.outcome,
            "device": device.type,
            "threads": torch.get_num_threads(),
            "images_per_second": result.images_per_second,
            "recipe": plan.request.recorded(),
        },
        "test_openings": folder.test_openings(),
        "reproduce": {
            "command": f"striate train --config {shlex.quote(str(folder.recipe))}",
            "seed": plan.request.seed,
            "fingerprint": fingerprint(device),
        },
    }


def data_facts(source: str, dataset: Dataset, report: CheckReport | None) -> dict[str, Any]:
    """How many images there are of what, and what the check found and left out."""
    facts: dict[str, Any] = {
        "source": source,
        "by_split": {part: len(dataset.where(part)) for part in ("train", "val", "test")},
        "by_class": _by_class(dataset),
    }
    if report is None:
        return facts | {"found": len(dataset), "used": len(dataset), "excluded": 0}
    excluded = [file for file in report.files if file.status == "excluded"]
    findings = [*report.findings, *split_findings(dataset)]
    return facts | {
        **report.counts,
        "excluded_files": [
            {"path": file.path, "reason": file.reason, "detail": file.detail}
            for file in excluded[:EXCLUDED_SHOWN]
        ],
        "findings": [finding.to_json() for finding in findings],
    }


def _by_class(dataset: Dataset) -> dict[str, dict[str, int]]:
    if dataset.task == "regression":
        return {}
    counts: dict[str, dict[str, int]] = {}
    for number, name in enumerate(dataset.classes):
        has = (
            dataset.labels[:, number] > 0 if dataset.labels.ndim == 2 else dataset.labels == number
        )
        counts[name] = {
            part: int(has[dataset.where(part)].sum()) for part in ("train", "val", "test")
        }
    return counts


def model_facts(model: Model, reasons: Sequence[str], name: str = "") -> Mapping[str, Any]:
    """The network in a few numbers, and why it was chosen."""
    weights = sum(weight.numel() for weight in model.network.parameters())
    return {
        "name": name or model.provenance.get("recipe", {}).get("model", ""),
        "weights": weights,
        "input": list(model.input_shape or ()),
        "chosen_because": list(reasons),
    }

"""`striate predict`."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from striate.cli.flags import Output, command
from striate.cli.show import print_json
from striate.errors import DataError
from striate.files import write_atomic
from striate.predictions import Predictions
from striate.report.terminal import show_predictions
from striate.tasks.predict import carry_out
from striate.tasks.request import PredictRequest


def answer(request: PredictRequest, output: Output) -> int:
    found = carry_out(request)
    if output.json_output:
        print_json(found.to_json(request.top))
    elif request.csv is not None:
        _write_csv(found, request.csv)
    else:
        show_predictions(list(_rows(found, request.top)))
    if not found.unreadable:
        return 0
    for file in found.unreadable:
        print(f"not read: {file.id}: {file.detail}", file=sys.stderr)
    return DataError.exit_code


def _rows(found: Predictions, top: int) -> Iterator[dict[str, Any]]:
    for one in found:
        named = list(one.probabilities.items())
        others = [pair for pair in named if pair[0] != one.label][: top - 1]
        yield {
            "id": one.id,
            "predicted": one.label if one.label != "" else "none",
            "probability": one.probability,
            "others": others,
        }


def _write_csv(found: Predictions, path: Path) -> None:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "label", "probability", *found.classes])
    for one in found:
        shown = "" if one.probability is None else one.probability
        table.writerow([one.id, one.label, shown, *(one.probabilities[c] for c in found.classes)])
    if str(path) == "-":
        sys.stdout.write(text.getvalue())
    else:
        write_atomic(path, text.getvalue())


predict = command(PredictRequest, answer)

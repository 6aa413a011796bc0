"""`striate predict`."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.errors import DataError
from striate.files import write_atomic
from striate.predictions import Predictions, Unreadable
from striate.report.terminal import show_predictions
from striate.report.words import visible
from striate.tasks.predict import carry_out
from striate.tasks.request import PredictRequest

NOT_READ_SHOWN = 20


def answer(request: PredictRequest, output: Output) -> int:
    """A line an image, or a CSV; on standard error what could not be read, and then exit code 3."""
    with progress(output) as watch:
        found = carry_out(request, on_event=watch)
    if output.json_output:
        print_json(found.to_json(request.top))
    elif request.csv is not None:
        _write_csv(found, request.csv)
    elif len(found):
        show_predictions(list(_rows(found, request.top or 1)))
    tell_unreadable(found.unreadable)
    return DataError.exit_code if found.unreadable else 0


def tell_unreadable(files: Sequence[Unreadable]) -> None:
    """On standard error: which files could not be read, and why; of very many the first."""
    for file in files[:NOT_READ_SHOWN]:
        print(f"not read: {visible(file.id)}: {visible(file.detail)}", file=sys.stderr)
    if len(files) > NOT_READ_SHOWN:
        print(f"… and {len(files) - NOT_READ_SHOWN:,} more; --json lists all.", file=sys.stderr)


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


predict = command("predict", PredictRequest, answer)

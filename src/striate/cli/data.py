"""`striate data check` and `striate data split`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.errors import DataError
from striate.report.check import show_check
from striate.tasks import data as tasks
from striate.tasks.request import DataCheckRequest, DataSplitRequest


def answer_check(request: DataCheckRequest, output: Output) -> int:
    """What the check found; exit code 3 where nobody should train on it."""
    with progress(output) as watch:
        checked = tasks.check(request, on_event=watch)
    if output.json_output:
        print_json(checked.to_json())
    else:
        show_check(checked.to_json())
    return DataError.exit_code if checked.has_errors else 0


def answer_split(request: DataSplitRequest, output: Output) -> None:
    """Where split.csv lies, and how many images each part has."""
    with progress(output) as watch:
        parted = tasks.part(request, on_event=watch)
    if output.json_output:
        print_json({"path": str(parted.path), "counts": parted.counts})
    else:
        counts = ", ".join(f"{n:,} {part}" for part, n in parted.counts.items())
        print(f"{parted.path}: {counts}.")


check = command("data check", DataCheckRequest, answer_check)
split = command("data split", DataSplitRequest, answer_split)

"""`striate evaluate`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.report.terminal import show_result
from striate.tasks.evaluate import carry_out
from striate.tasks.request import EvaluateRequest


def answer(request: EvaluateRequest, output: Output) -> None:
    """The verdict with its scores, and where the page lies."""
    with progress(output) as watch:
        found = carry_out(request, on_event=watch)
    if output.json_output:
        print_json({"folder": str(found.folder), **found.report})
    else:
        show_result(found.report, places={"report": found.report.page})


evaluate = command("evaluate", EvaluateRequest, answer)

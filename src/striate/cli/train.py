"""`striate train`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.report.terminal import show_result
from striate.tasks.processes import is_first
from striate.tasks.request import TrainRequest
from striate.tasks.train import run as carry_out


def answer(request: TrainRequest, output: Output) -> int:
    """The verdict with its scores; of an interrupted run, how to go on and its exit code."""
    with progress(output if is_first() else Output(quiet=True)) as watch:
        run = carry_out(request, on_event=watch)
    if not is_first():
        return run.exit_code
    if run.outcome == "interrupted":
        if output.json_output:
            print_json({"folder": str(run.folder), "outcome": run.outcome})
        else:
            print(
                f"Stopped. The model so far is in {run.files.model}.\n"
                f"Go on with: {run.files.resume_command}"
            )
        return run.exit_code
    if output.json_output:
        print_json({"folder": str(run.folder), "outcome": run.outcome, **run.report})
    else:
        show_result(run.report, places={"report": run.files.page, "model": run.files.model})
    return 0


train = command("train", TrainRequest, answer)

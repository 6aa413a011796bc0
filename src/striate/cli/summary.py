"""`striate summary`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json
from striate.tasks.request import SummaryRequest
from striate.tasks.summary import carry_out


def answer(request: SummaryRequest, output: Output) -> None:
    """The table of layers, and where the drawing lies."""
    found = carry_out(request)
    if output.json_output:
        print_json({"name": found.name, **found.summary.to_json()})
        return
    print(found.summary)
    if found.svg is not None:
        print(f"Drawn: {found.svg}")


summary = command("summary", SummaryRequest, answer)

"""`striate filter`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json
from striate.tasks.filter import carry_out
from striate.tasks.request import FilterRequest


def answer(request: FilterRequest, output: Output) -> None:
    """The path of the picture that was drawn."""
    filtered = carry_out(request)
    if output.json_output:
        print_json(filtered.to_json())
    else:
        print(filtered.path)


filter_ = command("filter", FilterRequest, answer)

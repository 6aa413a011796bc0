"""`striate compare`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json
from striate.tasks.compare import carry_out
from striate.tasks.request import CompareRequest


def answer(request: CompareRequest, output: Output) -> None:
    """The comparison in a sentence, and what it does not say."""
    found = carry_out(request)
    if output.json_output:
        print_json(found)
    else:
        print(f"{found['sentence']}\n{found['caveat']}")


compare = command("compare", CompareRequest, answer)

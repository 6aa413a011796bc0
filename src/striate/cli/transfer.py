"""`striate transfer`."""

from striate.cli import INTERRUPTED
from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.tasks.transfer import carry_out
from striate.tasks.transfer_request import TransferRequest


def answer(request: TransferRequest, output: Output) -> int:
    """Which way is best and whether that is shown, a line for each way, and where the page lies."""
    with progress(output) as watch:
        found = carry_out(request, on_event=watch)
    if output.json_output:
        print_json(found.to_json())
    else:
        for sentence in (found.sentence, *found.content.get("sentences", ())):
            print(sentence)
        for warning in found.content["warnings"]:
            print(f"Note: {warning}")
        print(f"{'So far' if found.interrupted else 'Page'}: {found.page}")
    return INTERRUPTED if found.interrupted else 0


transfer = command("transfer", TransferRequest, answer)

"""`striate embed`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.report.words import visible
from striate.tasks.embed import carry_out
from striate.tasks.explain_request import EmbedRequest

INTERRUPTED = 130


def answer(request: EmbedRequest, output: Output) -> int:
    """What was embedded, and where it lies."""
    with progress(output) as watch:
        found = carry_out(request, on_event=watch)
    if output.json_output:
        print_json(found.to_json())
    else:
        print(found.sentence)
        for each in found.alike:
            print(f"\n{visible(each.image)} is most like")
            for near in each.neighbours:
                print(
                    f"  {near.distance:.4f}  {visible(near.path)}  {visible(near.label)}".rstrip()
                )
        if found.alike:
            print()
        for name, place in found.places.items():
            print(f"{name:10}  {place}")
    return INTERRUPTED if found.interrupted else 0


embed = command("embed", EmbedRequest, answer)

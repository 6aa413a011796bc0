"""`striate zoo`."""

from striate.cli.flags import Output, command
from striate.cli.show import print_json, progress
from striate.report.catalogue import print_catalogue, print_story
from striate.report.consoles import make_console
from striate.tasks.request import ZooPullRequest, ZooRequest
from striate.tasks.zoo import Story, carry_out, pull


def answer(request: ZooRequest, output: Output) -> None:
    """The table of architectures, or one's story; and where the picture went, if one was drawn."""
    found = carry_out(request)
    if output.json_output:
        print_json(found.to_json())
        return
    console = make_console()
    if isinstance(found, Story):
        print_story(found.entry, found.story, found.stages, console)
        written = found.svg
    else:
        print_catalogue(found.entries, console)
        written = found.picture
    if written is not None:
        print(f"Drawn: {written}")


def answer_pull(request: ZooPullRequest, output: Output) -> None:
    """Where the model file of published weights lies, and what to do with it."""
    with progress(output) as watch:
        found = pull(request, on_event=watch)
    if output.json_output:
        print_json(found.to_json())
        return
    print(f"{found.name}: {found.path}")
    print(f"Next: striate predict {found.path} FILES…")


zoo = command("zoo", ZooRequest, answer)
zoo.command(command("zoo pull", ZooPullRequest, answer_pull))

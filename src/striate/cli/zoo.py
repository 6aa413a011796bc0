"""`striate zoo`."""

import sys

from striate.cli.flags import Output, command
from striate.cli.show import print_json
from striate.report.catalogue import print_catalogue, print_story
from striate.report.consoles import make_console
from striate.tasks.request import ZooPullRequest, ZooRequest
from striate.tasks.zoo import Story, carry_out, pull


def answer(request: ZooRequest, output: Output) -> None:
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
    found = pull(request, None if output.quiet else _show)
    if output.json_output:
        print_json(found.to_json())
        return
    print(f"{found.name}: {found.path}")
    print(f"Next: striate predict {found.path} FILES…")


def _show(here: int, total: int | None) -> None:
    """One line that is redrawn, on a terminal alone."""
    if sys.stderr.isatty():
        whole = "" if total is None else f" of {total / 1e6:.1f}"
        end = "\n" if here == total else ""
        sys.stderr.write(f"\r{here / 1e6:.1f}{whole} MB fetched{end}")
        sys.stderr.flush()


zoo = command("zoo", ZooRequest, answer)
zoo.command(command("zoo pull", ZooPullRequest, answer_pull))

"""The command line: arguments become a Request, a task's Result becomes text or JSON.

Only this file is imported for `striate --help`; a verb's own module follows when it is used.
"""

import gc
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, UnknownCommandError

from striate import __version__
from striate.errors import StriateError, UsageError, unknown_name
from striate.tasks.processes import is_first, launched, speaks

INTERRUPTED = 130
START = "Start with: striate train digits"


def application() -> App:
    """The tree of verbs. Each is named by its module, which is imported when it is called."""
    app = App(
        name="striate",
        version=__version__,
        version_flags="--version",
        suppress_keyboard_interrupt=False,
        help="From a folder of images to a network that is trained, judged and understood.",
        help_format="plaintext",
        help_epilogue=START,
    )
    app["--help"].help = "Show this text; after a verb, its options."
    app["--version"].help = "Show the version."
    app.command("striate.cli.train:train", help="Train a network on images and judge it.")
    app.command("striate.cli.evaluate:evaluate", help="Judge a run on its test part or new data.")
    app.command("striate.cli.predict:predict", help="Say what is on images.")
    app.command("striate.cli.embed:embed", help="Draw a map of images by a network's features.")
    app.command("striate.cli.explain:explain", help="Show what speaks for an answer, on images.")
    app.command("striate.cli.compare:compare", help="Tell whether one run is better than another.")
    app.command("striate.cli.transfer:transfer", help="Compare ways to reuse weights.")
    app.command("striate.cli.filter:filter_", name="filter", help="Run a kernel over a picture.")
    app.command("striate.cli.summary:summary", help="Layers, weights, work, view; draw them.")
    app.command("striate.cli.zoo:zoo", help="The architectures: facts, stories, published weights.")
    data = App(name="data", help="Look at a data set before training on it.")
    data.command("striate.cli.data:check", help="Open every file; report and exclude what is bad.")
    data.command("striate.cli.data:split", help="Part a data set into train, val and test.")
    app.command(data)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 bad usage, 3 bad data, 130 or 143 stopped."""
    # Read when torch is imported: threads that wait sleep, so that a busy neighbour gets its share
    # of the processors and no more.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    gc.disable()  # imports leave no garbage, and looking for it takes a tenth of their time
    try:
        sys.exit(run(sys.argv[1:] if arguments is None else arguments))
    finally:
        gc.enable()


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    try:
        _refuse_processes(arguments)
        code = application()(
            list(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _explain(_unreadable(error))
    except StriateError as error:
        return _explain(error)
    except KeyboardInterrupt:
        if is_first():
            print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a disk that is full or cannot be written, where no task foresaw it
        return _explain(StriateError("system", f"The system refused: {error}."))
    return code if isinstance(code, int) else 0


def _unreadable(error: CycloptsError) -> StriateError:
    """The error for arguments that cyclopts cannot read."""
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        # not by str(error), which imports every verb to see which may be shown
        names = [name for name in error.app if not name.startswith("-")]
        return unknown_name("command", error.unused_tokens[0], names)
    verb = " ".join(["striate", *(error.command_chain or ())])
    what = str(error).removeprefix(f'Command "{verb.removeprefix("striate ")}" ')
    return UsageError("usage-command", what[:1].upper() + what[1:], f"See {verb} --help")


def _refuse_processes(arguments: Sequence[str]) -> None:
    """Raise where `torchrun` started several processes of a verb that is done by one."""
    if launched() > 1 and "train" not in arguments[:1]:
        raise UsageError(
            "usage-processes",
            f"{launched()} processes were started, and only train is shared by several.",
            "Leave torchrun out: striate …",
        )


def _explain(error: StriateError) -> int:
    """Tell a person what went wrong; the exit code that goes with it."""
    if not speaks(error):
        return error.exit_code
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    text = Text.assemble(("error: ", "bold red"), error.what)
    if error.fix:
        text.append(f"\n{error.fix}")
    text.append(f"\n[{error.code}]", style="dim")
    console.print(text, soft_wrap=True)
    return error.exit_code

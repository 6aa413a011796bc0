"""What every verb does with its answer: JSON, or text for a person; progress goes to stderr."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from striate.cli.flags import Output

Watch = Callable[[Any], None]


def progress(output: Output) -> AbstractContextManager[Watch]:
    """A live view of what happens, or none where quiet was asked for."""
    if output.quiet:
        return nullcontext(lambda _event: None)
    from striate.report.consoles import make_console
    from striate.report.live import watcher

    return watcher(make_console(sys.stderr))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")

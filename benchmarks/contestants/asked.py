"""What every contestant is asked and how it answers. Standard library only: peers import it."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """With the options that all have; a script adds its own, each with a default."""
    made = argparse.ArgumentParser()
    made.add_argument("--data", type=Path, help="the data folder")
    made.add_argument("--kept", type=Path, help="for what is made beforehand")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--warm", action="store_true", help="import, make what is needed, and end")
    return made


def asked(
    options: argparse.ArgumentParser, prepare: Callable[[argparse.Namespace], None] | None = None
) -> argparse.Namespace:
    values = options.parse_args()
    if values.warm:
        if prepare is not None:
            prepare(values)
        sys.exit()
    return values


def answer(**figures: float) -> None:
    print(json.dumps(figures))

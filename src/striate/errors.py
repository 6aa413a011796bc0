"""Every kind of error a person can meet, and the checks that raise them.

An error says what happened and where, then what to do next, and carries a stable code by which
scripts and the documentation (`docs/errors.md`) know it.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class StriateError(Exception):
    """Base of all errors meant for a person: the command line prints it, Python raises it.

    Args:
        code: stable and unique, such as `"data-no-images"`; listed in `docs/errors.md`.
        what: what happened and where: file, layer, shapes, the rule and what came instead.
        fix: what to do next, in a sentence; empty where nothing is known to help.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, what: str, fix: str = "") -> None:
        super().__init__(code, what, fix)
        self.code = code
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".strip()


class UsageError(StriateError, ValueError):
    """An option or argument breaks a rule."""

    exit_code = 2


class ShapeError(StriateError, ValueError):
    """A tensor or layer size breaks a rule."""


class UnknownName(StriateError, KeyError):
    """A name is not in the table it was looked up in."""

    exit_code = 2


class DataError(StriateError, ValueError):
    """The data cannot be used as they are."""

    exit_code = 3


class FileError(StriateError, ValueError):
    """A file that was written by Striate, or should have been, cannot be trusted."""


class RunError(StriateError, RuntimeError):
    """A run folder is in use, missing or incomplete."""


class TrainingError(StriateError, RuntimeError):
    """Training cannot go on; what was earned so far is kept."""


class ExplainError(StriateError, RuntimeError):
    """A network cannot be looked into in the way that was asked for."""


class StriateWarning(UserWarning):
    """Something that works and is most likely not what was meant; `code`, `what` and `fix` as in
    errors."""

    def __init__(self, code: str, what: str, fix: str = "") -> None:
        super().__init__(code, what, fix)
        self.code = code
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".strip()


def check_divides(where: str, **named: int) -> None:
    """Raise unless the first number divides the second: `check_divides("SE", r=16, c=64)`."""
    (name, divisor), (other, value) = named.items()
    if divisor < 1 or value % divisor:
        fits = [d for d in range(1, value + 1) if value % d == 0]
        near = sorted(sorted(fits, key=lambda d: abs(d - divisor))[:2])
        raise ShapeError(
            "shape-divides",
            f"{where}: {name} must divide {other}, got {name}={divisor} and {other}={value}.",
            f"Nearest that fit: {', '.join(map(str, near))}.",
        )


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a failed look-up, with the closest known names, or all when they are few."""
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        fix = f"Did you mean {' or '.join(map(repr, close))}?"
    else:
        fix = f"Known: {', '.join(names[:20])}{' …' if len(names) > 20 else ''}."
    return UnknownName("unknown-name", f"No {kind} is named {name!r}.", fix)

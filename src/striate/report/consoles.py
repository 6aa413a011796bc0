"""What a console can show: its width, its characters, whether it is a terminal at all."""

import sys
from typing import IO

from rich.console import Console
from rich.text import Text

from striate.report.words import THIN, visible

# what people read most, for consoles without Unicode; anything else becomes a question mark
_PLAIN = str.maketrans(
    {THIN: " ", "\u00a0": " ", "–": "-", "—": "-", "…": "...", "×": "x", "·": "-", "→": "->",
     "’": "'", "“": '"', "”": '"', "²": "2", "✓": "+", "✕": "x"}
)  # fmt: skip


def make_console(file: IO[str] | None = None, width: int | None = None) -> Console:
    """A console that highlights nothing on its own; NO_COLOR and a pipe are respected."""
    return Console(
        file=file, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False
    )


def ascii_only(console: Console) -> bool:
    """Whether the console's encoding cannot carry Unicode."""
    return not console.encoding.lower().replace("-", "").startswith("utf")


def words(console: Console, content: str, style: str = "") -> Text:
    """Text that this console can write: names made visible, Unicode replaced where it must be."""
    content = visible(content)
    if ascii_only(console):
        content = content.translate(_PLAIN).encode("ascii", "replace").decode()
    return Text(content, style=style, overflow="fold")


def is_live(console: Console) -> bool:
    """Whether lines can be redrawn in place."""
    return console.is_terminal and not console.is_dumb_terminal and not console.is_jupyter


def in_notebook() -> bool:
    """Whether the output goes to a notebook (a kernel of IPython), which need not be installed."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")  # Jupyter | Colab

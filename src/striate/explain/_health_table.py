"""The health of a network as a table in the terminal."""

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from striate.explain.health import Health

WORDS = ("layer", "kind")
NUMBERS = ("units", "mean", "deviation", "dead", "saturated", "gradient", "alike")


def table(found: "Health") -> RenderableType:
    """A row per layer; what needs a look is yellow, and the first line counts it."""
    rows = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in WORDS:
        rows.add_column(heading, overflow="fold")
    for heading in NUMBERS:
        rows.add_column(heading, justify="right", no_wrap=True)
    for layer in found.layers:
        gradient = "–" if layer.gradient is None else f"{layer.gradient:.2e}"
        rows.add_row(
            Text(layer.name or "(network)"),
            Text(layer.kind, style="dim"),
            str(layer.units),
            f"{layer.mean:.3g}",
            f"{layer.deviation:.3g}",
            *(_counted(value) for value in (layer.dead, layer.saturated)),
            gradient,
            _counted(layer.alike),
        )
    return Group(Text(_verdict(found), style="bold"), Text(), rows)


def _counted(value: int | None) -> Text:
    return Text("–" if value is None else str(value), style="yellow" if value else "")


def _verdict(found: "Health") -> str:
    dead = sum(layer.dead or 0 for layer in found.layers)
    saturated = sum(layer.saturated or 0 for layer in found.layers)
    alike = sum(layer.alike or 0 for layer in found.layers)
    return (
        f"{found.images} images: {dead} units dead, {saturated} saturated, "
        f"{alike} filters like another."
    )


def text(found: "Health") -> str:
    """The table without colours, 120 characters wide."""
    console = Console(file=StringIO(), width=120, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table(found))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def show(found: "Health") -> None:
    Console(highlight=False, markup=False, emoji=False).print(table(found))

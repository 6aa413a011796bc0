"""What the examples share: the digits, a small network's training, and how pictures look."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

INK, QUIET, BLUE, ORANGE = "#1d2733", "#66717d", "#3b6fb6", "#d9822b"


def output_path(about: str, name: str) -> Path:
    """Where the picture goes: --output, or examples/pictures/NAME.png."""
    parser = argparse.ArgumentParser(description=about.strip().splitlines()[0])
    default = Path(__file__).parent / "pictures" / f"{name}.png"
    parser.add_argument("--output", type=Path, default=default, help="the PNG file to write")
    path: Path = parser.parse_args().output
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 handwritten digits, float32 [N, 8, 8, 1] in 0..1, and their labels."""
    data = load_digits()
    return (data.images / 16).astype(np.float32)[..., None], data.target


def split(x: np.ndarray, y: np.ndarray, test: float = 0.4, seed: int = 0) -> list[np.ndarray]:
    """x_train, x_test, y_train, y_test, every class in proportion."""
    return train_test_split(x, y, test_size=test, stratify=y, random_state=seed)


def scattered(x: np.ndarray, seed: int = 0, side: int = 16) -> np.ndarray:
    """Each picture at a random place of a dark canvas, [N, side, side, 1]."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((len(x), side, side, 1), np.float32)
    places = random.integers(0, side - x.shape[1] + 1, size=(len(x), 2))
    for picture, (top, left), target in zip(x, places, canvas, strict=True):
        target[top : top + x.shape[1], left : left + x.shape[2]] = picture
    return canvas


def figure(width: float, height: float, title: str) -> Figure:
    """An empty picture of that many inches with a title."""
    made = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    made.suptitle(title, fontsize=13, color=INK, fontweight="bold")
    return made


def show(axes, picture: np.ndarray, title: str = "", cmap: str = "gray", **limits: float) -> None:
    """A picture without axes, each pixel a square."""
    axes.imshow(np.squeeze(picture), cmap=cmap, interpolation="nearest", **limits)
    axes.set_title(title, fontsize=9, color=QUIET)
    axes.set_xticks([])
    axes.set_yticks([])


def plain(axes) -> None:
    """Only the two axes that carry numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=QUIET, labelsize=9)


def percent(axes, label: str) -> None:
    """Fractions on the upright axis, written as percent."""
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(label, fontsize=9, color=QUIET)


def save(made: Figure, path: Path) -> None:
    """Write the picture and say where it is."""
    made.savefig(path, dpi=150)
    print(f"Picture: {path}")

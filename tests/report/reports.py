"""Small but whole reports for the tests."""

import io
import math
from html.parser import HTMLParser
from typing import Any

from PIL import Image

VOID = {"br", "col", "hr", "img", "meta", "wbr"}

HOSTILE = (
    "<img src=x onerror=alert(1)>\"'`</style></title><script>alert(1)</script>",
    "\u202egpj.exe\u2066 \ud800caf\udcff\r\n\n<svg/onload=alert(2)>" + "ö" * 100,
    "javascript:alert(1)",
    "x" * 255,
)


def png(side: int = 8, colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def noise(side: int) -> bytes:
    """A picture that compresses badly, as photographs do."""
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def estimate(value: float, n: int = 100) -> dict[str, Any]:
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.01) / n)
    return {"value": value, "low": max(value - half, 0), "high": min(value + half, 1), "n": n}


def make_report(classes: list[str], *, each: int = 10, mistakes: int = 2) -> dict[str, Any]:
    """A single-label report in which one image of every class is taken for the next class."""
    k = len(classes)
    matrix = [[each - 1 if i == j else int(j == (i + 1) % k) for j in range(k)] for i in range(k)]
    case = {
        "id": "test/a.png",
        "true": classes[0],
        "predicted": classes[1],
        "probability": 0.97,
        "picture": "p",
        "overlay": "o",
        "neighbours": [{"id": "train/b", "class": classes[1], "distance": 0.2, "picture": "n"}],
    }
    curve = {"x": [0.0, 0.1, 1.0], "y": [0.0, 0.9, 1.0]}
    slices = [{"confidence": 0.9, "accuracy": 0.8, "low": 0.7, "high": 0.9, "n": 30}]
    return {
        "format": 1,
        "name": "digits",
        "created": "2026-11-12T14:03:11+00:00",
        "version": "0.1.0",
        "task": "single_label",
        "verdict": "Right on 90 of 100 test images: 90 %. The weakest class is 3.",
        "classes": classes,
        "metrics": {
            "accuracy": estimate(0.9, each * k),
            "macro_f1": estimate(0.89),
            "negative_log_likelihood": estimate(0.3),
            "macro_auc": {"value": None, "low": None, "high": None, "n": 0},
        },
        "per_class": [
            {
                "class": name,
                "support": each,
                "precision": estimate(0.9),
                "recall": estimate(0.8),
                "f1": estimate(0.5 + 0.4 * i / k),
                "auc": None,
            }
            for i, name in enumerate(classes)
        ],
        "confusion_matrix": matrix,
        "curves": {
            "roc": {name: {**curve, "auc": 0.9} for name in classes},
            "precision_recall": {name: {**curve, "average_precision": 0.9} for name in classes},
        },
        "calibration": {"temperature": 1.5, "before": slices, "after": slices},
        "history": [
            {"epoch": e, "train_loss": 1 / e, "val_loss": 1.1 / e, "val_accuracy": 1 - 0.5 / e,
             "learning_rate": 0.1, "seconds": 1.0}
            for e in range(1, 6)
        ],
        "mistakes": [{**case, "id": f"test/{i}.png"} for i in range(mistakes)],
        "hardest": [{**case, "id": "test/hard.png", "predicted": classes[0]}],
        "data": {
            "source": "photos/",
            "found": 103,
            "used": 100,
            "excluded": 3,
            "by_split": {"train": 70, "val": 15, "test": 15},
            "by_class": {name: {"train": 7, "val": 1, "test": 2} for name in classes},
            "excluded_files": [
                {"path": f"{i}.jpg", "reason": "data-not-an-image", "detail": "It is text."}
                for i in range(3)
            ],
            "findings": [
                {"code": "data-grey", "severity": "note", "sentence": "Some are grey.",
                 "examples": ["a.jpg"]}
            ],
        },
        "model": {"name": "lenet5", "weights": 61_706, "input": [28, 28, 1],
                  "chosen_because": ["The images are small."]},
        "training": {"seconds": 24.3, "epochs": 5, "best_epoch": 4, "outcome": "finished",
                     "device": "cpu", "threads": 2, "images_per_second": 1284.2,
                     "recipe": {"epochs": 5, "flip": False, "patience": None}},
        "test_openings": [{"when": "2026-11-12T14:03:10", "by": "train"}],
        "reproduce": {"command": "striate train photos/", "seed": 0,
                      "fingerprint": {"torch": "2.13.0", "cpu": {"threads": 2}}},
    }  # fmt: skip


def pictures() -> dict[str, bytes]:
    return {"p": png(), "o": noise(112), "n": png(8, (0, 90, 0))}


class Page(HTMLParser):
    """A page taken apart; raises where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

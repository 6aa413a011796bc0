"""How the model was chosen and how it learned."""

from collections.abc import Mapping, Sequence
from typing import Any

from striate.report.charts import Line, series
from striate.report.markup import Content, Markup, tag
from striate.report.measures import measure
from striate.report.parts import (
    Report,
    Section,
    facts,
    folded,
    listing,
    section_of,
    table,
)
from striate.report.plot import Format
from striate.report.words import count, counted, duration, finite, names, number

MOST_EPOCHS = 400  # points drawn of a history
OUTCOMES = {
    "finished": "ran to its end",
    "stopped_early": "stopped early, as validation no longer improved",
    "interrupted": "was interrupted and can be resumed",
}


def learning(report: Report) -> Section | None:
    """Learning curves, what was chosen and why, and the recipe."""
    history = listing(report, "history")
    model, training = section_of(report, "model"), section_of(report, "training")
    if not (history or model or training):
        return None
    because = [tag("li", str(s)) for s in model.get("chosen_because") or ()]
    body: list[Content] = [
        tag("p", _story(model, training)),
        tag("ul", because, class_="because") if because else None,
        tag("div", _charts(history, finite(training.get("best_epoch"))), class_="pair"),
        _facts(model, training),
        _recipe(section_of(training, "recipe")),
    ]
    note = [
        tag("p", tag("b", "Loss"), " is what training makes small. The network learns from the "
            "training images; validation images only watch. When the validation line turns up "
            "while training goes on down, the network has begun to learn by heart."),
        tag("p", "The weights of the best epoch on validation are the ones that are kept."),
    ]  # fmt: skip
    return Section("learning", "How it learned", tag("div", body), note, wide=True)


def _story(model: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    parts = []
    if model.get("name"):
        weights = finite(model.get("weights"))
        size = f" with {count(weights)} weights" if weights else ""
        parts.append(f"The network is {names(model['name'])}{size}.")
    epochs, seconds = finite(training.get("epochs")), finite(training.get("seconds"))
    if epochs is not None:
        took = " in " + duration(seconds).replace(" ", "\u00a0") if seconds is not None else ""
        ended = OUTCOMES.get(str(training.get("outcome")), "")
        parts.append(
            f"Training saw {counted(int(epochs), 'epoch')}{took}{' and ' + ended if ended else ''}."
        )
    return " ".join(parts)


def _charts(history: Sequence[Mapping[str, Any]], best: float | None) -> list[Markup]:
    """Loss; then what was watched on validation; then the learning rate: whatever the rows have."""
    step = max(1, -(-len(history) // MOST_EPOCHS))
    rows = [*history[:-1:step], *history[-1:]]
    keys = dict.fromkeys(key for row in rows for key in row)
    charts = [_chart("loss", "loss", _lines(rows, "val_loss", "train_loss"), best, _short)]
    for key in [k for k in keys if k.startswith("val_") and k != "val_loss"][:3]:
        told, twin = measure(key), "train_" + key.removeprefix("val_")
        charts.append(_chart(key, told.title.lower(), _lines(rows, key, twin), best, told.show))
    charts.append(_chart("rate", "learning rate", _lines(rows, "learning_rate"), None, _short))
    return [chart for chart in charts if chart]


def _chart(key: str, title: str, lines: list[Line], best: float | None, show: Format) -> Markup:
    if not lines:
        return Markup()
    return tag("figure", series(f"history-{key}", title, lines, best, show))


def _lines(rows: Sequence[Mapping[str, Any]], *keys: str) -> list[Line]:
    """A line per key that the rows have: training dashed, validation solid."""
    lines = []
    for key in keys:
        known = [(finite(row.get("epoch")), finite(row.get(key))) for row in rows]
        points = [(x, y) for x, y in known if x is not None and y is not None]
        if points:
            training = key.startswith("train_")
            word = "train" if training else "validation" if key.startswith("val_") else ""
            xs, ys = [x for x, _ in points], [y for _, y in points]
            lines.append(Line(word, xs, ys, "s2" if training else "s1"))
    return lines


def _short(value: float) -> str:
    return number(float(f"{value:.3g}"))


def _facts(model: Mapping[str, Any], training: Mapping[str, Any]) -> Markup:
    size = model.get("input")
    speed = finite(training.get("images_per_second"))
    best = finite(training.get("best_epoch"))
    threads = finite(training.get("threads"))
    return facts(
        [
            ("Input", " × ".join(map(str, size)) if isinstance(size, list) else None),
            ("Best epoch", count(best) if best is not None else None),
            ("Speed", f"{count(speed)} images per second" if speed else None),
            ("Device", names(training.get("device"))),
            ("Threads", count(threads) if threads else None),
        ]
    )


def _recipe(recipe: Mapping[str, Any]) -> Content:
    if not recipe:
        return None
    rows = [
        (str(key).replace("_", " "), tag("bdi", "off" if value is None else _setting(value)))
        for key, value in recipe.items()
    ]
    return folded(
        f"The whole recipe, {len(rows)} settings",
        table("Every setting as it was used", ("Setting", "value"), rows, class_="recipe"),
    )


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return names(value, 120)

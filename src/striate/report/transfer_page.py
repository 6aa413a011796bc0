"""Ways to reuse what was learnt, compared on one page: which, by how much, at what cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from striate.report.charts import Line, legend
from striate.report.markup import Content, Markup, tag
from striate.report.page import document
from striate.report.parts import Section, facts, folded, listing, name, path, section_of, table
from striate.report.transfer_charts import (
    common_axis,
    courses,
    differences,
    points,
    seed_dots,
    stage_probe,
)
from striate.report.words import THIN, count, counted, duration, finite, names, percent

Facts = Mapping[str, Any]
INTERVAL = (
    "The bar is the 95 % interval of the mean: with other test images and other seeds it would "
    "most likely fall inside it. A ring is one training."
)


def transfer_page(found: Facts) -> str:
    """The content of `transfer.html` for the content of `transfer.json`."""
    known = [_ways(found), _pairs(found), _courses(found), _probe(found), _account(found)]
    made = "Made by Striate. The same numbers, and those of every training, are in transfer.json."
    return document(
        f"{names(found.get('name'))} – Striate transfer",
        _masthead(found),
        _opening(found),
        [section for section in known if section is not None],
        made,
        start="answer",
    )


def _masthead(found: Facts) -> Markup:
    made = str(found.get("created") or "")
    return tag(
        "header",
        tag("span", "Striate", class_="brand"),
        tag("b", tag("bdi", names(found.get("name")))),
        tag("span", tag("bdi", names(found.get("model"))), ", weights ",
            tag("bdi", names(found.get("weights")))),
        tag("time", made[:10], datetime=made) if made else None,
        class_="masthead",
    )  # fmt: skip


def _opening(found: Facts) -> list[Content]:
    """The answer as the headline, then what it rests on, a sentence each."""
    said = str(found.get("headline") or "No training is done yet.")
    opening: list[Content] = [tag("h1", _tied(said), class_="long" if len(said) > 60 else None)]
    if found.get("lead"):
        opening.append(tag("p", _tied(str(found["lead"])), class_="lead"))
    points = [tag("li", _tied(str(each))) for each in found.get("sentences") or ()]
    opening.append(tag("ul", points, class_="because") if points else None)
    for missing in found.get("warnings") or ():
        opening.append(tag("p", tag("span", "Note ", class_="severity warning"), str(missing)))
    return opening


def _tied(sentence: str) -> str:
    """With numbers kept beside their units."""
    return sentence.replace(" %", "\u00a0%").replace(" points", "\u00a0points")


def _ways(found: Facts) -> Section | None:
    ways = listing(found, "ways")
    if not ways:
        return None
    seeds = [run["seed"] for run in max(ways, key=lambda way: len(way["runs"]))["runs"]]
    columns = ["Way", "mean", "95 % interval", *(f"seed {seed}" for seed in seeds), "a training"]
    rows: list[Sequence[Content]] = []
    for way in ways:
        by_seed = {run["seed"]: percent(run["accuracy"]) for run in way["runs"]}
        cells: list[Content] = [name(way["name"]), percent(way["accuracy"]["value"])]
        cells.append(_range(way["accuracy"]))
        cells += [by_seed.get(seed, "–") for seed in seeds]
        rows.append([*cells, _took(way)])
    numeric = range(1, len(columns))
    caption = (
        "Share of the test images answered rightly; time of a whole training, from the data to the "
        "report, the median over its seeds"
    )
    shown = table(caption, columns, rows, numeric=numeric)
    note = [tag("p", tag("b", "Every way"), " saw the same training images and was judged on the "
            "same test images, once a seed. ", INTERVAL)]  # fmt: skip
    sizes = {names(way.get("input")) for way in ways if way.get("input")}
    if len(sizes) > 1:
        told = "; ".join(f"{way['name']} {_size(way['input'])}" for way in ways if way.get("input"))
        note.append(tag("p", f"They saw images of different sizes, each as suits it: {told}. "
                    "--image-size gives all the same."))  # fmt: skip
    figures = [tag("figure", seed_dots("ways-dots", ways))]
    if rivals := listing(found, "differences"):
        drawn = differences("ways-differences", str(found.get("reference")), rivals)
        figures.append(tag("figure", drawn))
    body = tag("div", tag("div", figures, class_="pair two"), shown)
    return Section("ways", "The ways, seed by seed", body, note, wide=True)


def _took(way: Facts) -> str:
    return duration(finite(way.get("seconds"))).replace(" ", "\u00a0")


def _size(size: Sequence[int]) -> str:
    return " × ".join(map(str, size[:2]))


def _range(estimate: Facts) -> str:
    low, high = finite(estimate.get("low")), finite(estimate.get("high"))
    return (
        "–"
        if low is None or high is None
        else f"{percent(low).removesuffix(f'{THIN}%')}–{percent(high)}"
    )


def _pairs(found: Facts) -> Section | None:
    pairs = listing(found, "pairs")
    if not pairs:
        return None
    rows: list[Sequence[Content]] = []
    for pair in pairs:
        spread = pair["difference"]
        ends = f"{_points(spread['low'])} to {_points(spread['high'])}".replace(" ", "\u00a0")
        verdict = "shown" if pair["shown"] else "may be chance"
        rows.append([
            name(pair["b_name"]), name(pair["a_name"]),
            _points(spread["value"]), ends, _p(pair["p"]), _p(pair["holm"]), verdict,
        ])  # fmt: skip
    columns = (
        "Way",
        "against",
        "difference, points",
        "95 % interval",
        "p",
        "p, all pairs",
        "verdict",
    )
    shown = table("Difference in test accuracy, on the same images", columns, rows,
                  numeric=(2, 3, 4, 5))  # fmt: skip
    note = [tag("p", tag("b", "p"), " is how often chance alone would make such a difference. The "
            "second is corrected for all the pairs that were tested (Holm); below 0.05 a "
            "difference counts as shown.")]  # fmt: skip
    said = [tag("p", str(text)) for text in found.get("tested") or ()]
    return Section("pairs", "Shown, or chance?", tag("div", shown, said), note, wide=True)


def _points(share: object) -> str:
    value = finite(share)
    return "–" if value is None else points(100 * value)


def _p(p: float) -> str:
    return "<\u00a00.0001" if p < 0.0001 else f"{p:.2g}"


def _courses(found: Facts) -> Section | None:
    ways = listing(found, "ways")
    axis = common_axis(ways)
    figures = []
    for number, way in enumerate(ways):
        drawn = courses(f"course-{number}", way, axis)
        if drawn is not None:
            words = f"{str(way['name'])[:1].upper()}{str(way['name'])[1:]}, {_took(way)}"
            figures.append(tag("figure", tag("figcaption", words), drawn))
    if not figures:
        return None
    note = tag("p", "Validation accuracy after every epoch, a line for each seed. All pictures "
               "have the same upright axis; epochs differ in length from way to way.")  # fmt: skip
    body = tag("div", tag("div", figures, class_="pair"))
    return Section("courses", "How they learned", body, note, wide=True)


def _probe(found: Facts) -> Section | None:
    probe = section_of(found, "probe")
    stages = listing(probe, "stages")
    if not stages:
        return None
    lines = [Line("learnt weights", (), (), "s1"), Line("random weights", (), (), "s2")]
    advice = [tag("li", _tied(str(each))) for each in probe.get("advice") or ()]
    rows = [
        (
            name(stage["stage"]),
            count(stage["features"]),
            f"{percent(stage['pretrained']['value'])} ({_range(stage['pretrained'])})",
            f"{percent(stage['random']['value'])} ({_range(stage['random'])})",
            _p(stage["p"]),
        )
        for stage in stages
    ]
    columns = ("Stage", "features", "learnt", "random", "p")
    shown = table("Validation accuracy with its 95 % interval, from the image to the answer",
                  columns, rows, numeric=(1, 2, 3, 4))  # fmt: skip
    body = tag(
        "div",
        tag("ul", advice, class_="because") if advice else None,
        tag("figure", stage_probe("probe-stages", probe), legend(lines)),
        folded("The same in numbers", shown),
    )
    note = [
        tag("p", tag("b", "A linear probe"), " asks what a stage knows already: its features, "
            "averaged over the picture, go into a logistic regression that knows nothing else."),
        tag("p", f"Fitted on {counted(int(probe['train']), 'training image')}, judged on "
            f"{counted(int(probe['val']), 'validation image')}; the test images are not looked "
            f"at. Always naming the commonest class has {percent(probe['chance'])}."),
        tag("p", "p: are learnt and random weights alike at this stage?"),
    ]  # fmt: skip
    return Section("probe", "Where is it reusable?", body, note)


def _account(found: Facts) -> Section:
    images = section_of(found, "images")
    runs = [
        (f"{way['name']}, seed {run['seed']}", path(run["folder"]))
        for way in listing(found, "ways")
        for run in way["runs"]
    ]
    body = tag(
        "div",
        tag("pre", str(found.get("command") or "")),
        facts(
            [
                ("Images", ", ".join(f"{count(n)} {part}" for part, n in images.items())),
                ("Classes", count(int(found.get("classes") or 0))),
                ("Split", path(found.get("split"))),
            ]
        ),
        folded(f"The {counted(len(runs), 'training')}", facts(runs)),
    )
    note = tag("p", "The same command goes on with what is missing; more --seeds make the answer "
               "surer, and what is done is not done again.")  # fmt: skip
    return Section("account", "Do it again", body, note)

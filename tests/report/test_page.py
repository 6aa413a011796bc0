"""The page: self-contained, escaped, accessible, bounded, and whatever is missing left out."""

import base64
import hashlib
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.reports import HOSTILE, Page, estimate, make_report, noise, pictures
from striate.errors import FileError
from striate.report import page

CLASSES = {2: ["cats", "dogs"], 10: [str(i) for i in range(10)]}


def check_harmless(html: str) -> Page:
    """Nothing in the page runs, loads or leaves."""
    seen = Page(html)
    allowed = {
        "a", "aside", "b", "bdi", "body", "caption", "circle", "code", "dd", "desc", "details",
        "div", "dl", "dt", "figcaption", "figure", "footer", "g", "h1", "h2", "head", "header",
        "html", "img", "li", "line", "main", "meta", "nav", "ol", "p", "path", "pre", "rect",
        "section", "small", "span", "style", "summary", "svg", "table", "tbody", "td", "text", "th",
        "thead", "time", "title", "tr", "ul", "wbr",
    }  # fmt: skip
    assert {name for name, _ in seen.elements} <= allowed
    for _, attributes in seen.elements:
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert (attributes.get("href") or "#").startswith("#")
    assert len(seen.all("style")) == 1
    html.encode("utf-8")
    return seen


@pytest.mark.parametrize("classes", CLASSES.values(), ids=map(str, CLASSES))
def test_a_whole_report_has_every_section(classes: list[str]) -> None:
    seen = check_harmless(page(make_report(classes), pictures()))
    anchors = [attributes["id"] for attributes in seen.all("section")]
    assert anchors == [
        "numbers", "mistakes", "confusion", "classes", "hardest", "calibration", "curves",
        "learning", "data", "openings", "reproduce",
    ]  # fmt: skip
    assert [a["href"] for a in seen.all("a")][1:] == [f"#{anchor}" for anchor in anchors]


def test_the_verdict_is_the_headline_and_the_rest_its_lead() -> None:
    html = page(make_report(CLASSES[2]), {})
    assert "<h1>Right on 90 of 100 test images: 90\u00a0%.</h1>" in html
    assert '<p class="lead">The weakest class is 3.</p>' in html


def test_the_interval_in_the_headline_is_set_small() -> None:
    report = make_report(CLASSES[2]) | {
        "verdict": "Right on 9: 90 % (84–92 %, 95 % interval). Well."
    }
    said = "Right on 9: 90\u00a0% <small>(84–92\u00a0%, 95\u00a0% interval).</small>"
    assert f"<h1>{said}</h1>" in page(report, {})


def test_a_number_comes_with_interval_n_and_plain_words() -> None:
    seen = Page(page(make_report(CLASSES[2]), {}))
    assert "95 % interval 76.9–100.0\u202f% · n = 20" in seen.text
    assert "Share of the test images that were given their true class." in seen.text
    assert "Macro AUC" not in seen.text  # it has no value


def test_strokes_are_the_test_images() -> None:
    html = page(make_report(CLASSES[10]), {})
    assert "One stroke is one test image: 90 upright were answered right, 10 tilted wrong." in html
    upright = re.search(r'class="upright" d="([^"]*)"', html)
    tilted = re.search(r'class="tilted" d="([^"]*)"', html)
    assert upright is not None
    assert tilted is not None
    assert (upright[1].count("M"), tilted[1].count("M")) == (90, 10)


def test_many_test_images_share_a_stroke_and_no_mistake_is_rounded_away() -> None:
    report = make_report(CLASSES[2]) | {"metrics": {"accuracy": estimate(0.9999, 10_000)}}
    html = page(report, {})
    assert "One stroke is 28 test images: 9,999 upright were answered right, 1 tilted" in html
    assert html.count('class="tilted"') == 1


def test_the_policy_allows_only_this_style_sheet_and_inline_images() -> None:
    html = page(make_report(CLASSES[2]), {})
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policies = [m["content"] for m in Page(html).all("meta") if "http-equiv" in m]
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    ]
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "<" not in style[1]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    report = spoil(make_report(["a", "b", "c"]), name)
    html = page(report, pictures())
    seen = check_harmless(html)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    if name.startswith("\u202e"):
        assert "\\u202egpj.exe" in seen.text
        assert "caf\\xff\\r\\n\\n" in seen.text


def spoil(value: Any, name: str) -> Any:
    """The report with every string that is not a keyword of ours replaced by `name`."""
    keywords = {"single_label", "p", "o", "n", "note", "train", "val", "test"}
    if isinstance(value, dict):
        return {key: spoil(each, f"{name}{key}" if key in "abc" else name)
                for key, each in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [spoil(each, f"{name}{i}" if each in ("a", "b", "c") else name)
                for i, each in enumerate(value)]  # fmt: skip
    return name if isinstance(value, str) and value not in keywords else value


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_class_name_is_harmless(name: str) -> None:
    check_harmless(page(make_report([name, name + "b"]), {}))


FULL = make_report(["a", "b"])


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from(sorted(set(FULL) - {"format"}))),
    st.sampled_from([None, "absent"]),
)
def test_a_partial_report_still_makes_a_page(missing: set[str], how: str | None) -> None:
    kept = {key: value for key, value in FULL.items() if key not in missing}
    if how is None:
        kept |= dict.fromkeys(missing)
    assert len(check_harmless(page(kept, {})).all("h1")) == 1


def test_another_format_is_refused() -> None:
    with pytest.raises(FileError, match=r"format 2; this version reads 1") as caught:
        page({"format": 2}, {})
    assert caught.value.code == "report-format"


def test_a_page_can_be_read_without_seeing_it() -> None:
    seen = Page(page(make_report(CLASSES[10]), pictures()))
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name, attributes in seen.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(key) is None or attributes[key] in ids
        if name == "img":
            assert attributes["alt"]
        if name == "th":
            assert attributes["scope"] in ("row", "col")
        if name == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes["role"] == "img"
        if name == "svg" and attributes.get("role") == "img":
            assert attributes.get("aria-label") or attributes.get("aria-labelledby")
    assert len(seen.all("table")) == len(seen.all("caption"))
    headings = [name for name, _ in seen.elements if name in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1


def test_colours_contrast_in_both_modes() -> None:
    html = page(make_report(CLASSES[2]), {})
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in halves(html))
    assert set(light) == set(dark) == {"paper", "tint", "ink", "soft", "rule", "blue", "orange"}
    for colours in (light, dark):
        for text in ("ink", "soft", "blue", "orange"):
            for ground in ("paper", "tint"):
                assert contrast(colours[text], colours[ground]) >= 4.5
        for accent, deepest in (("blue", 0.40), ("orange", 0.48)):
            assert contrast(colours["ink"], mixed(colours[accent], colours["paper"], deepest)) > 4.5


def halves(html: str) -> tuple[str, str]:
    start = html.index(":root")
    dark = html.index("prefers-color-scheme: dark")
    return html[start:dark], html[dark : dark + 500]


def mixed(colour: str, ground: str, part: float) -> str:
    pairs = ((int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part * a + (1 - part) * b):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """Contrast ratio. Source: WCAG 2.2, "relative luminance" and "contrast ratio"."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_thousand_classes_stay_small_and_say_what_is_left_out() -> None:
    report = make_report([f"class {i:04d}" for i in range(1000)])
    start = time.perf_counter()
    html = page(report, {})
    assert time.perf_counter() - start < 5
    assert len(html) < 500_000
    assert "940 more in report.json." in html  # of the classes
    assert "980 more in report.json." in html  # of the confused pairs
    assert "960 more in report.json." in html  # of the images by class


def test_photographs_fit_into_two_megabytes() -> None:
    report = make_report(["cats", "dogs"], mistakes=24)
    photographs = {}
    for i, case in enumerate(report["mistakes"]):
        near = [{"id": "b", "class": "cats", "distance": 1.0, "picture": f"n{i}{j}"} for j in "abc"]
        case |= {"picture": f"p{i}", "overlay": f"o{i}", "neighbours": near}
        photographs |= {f"p{i}": noise(224), f"o{i}": noise(224)}
        photographs |= {each["picture"]: noise(224) for each in near}
    assert len(photographs["p0"]) > 40_000
    html = page(report, photographs)
    assert html.count("data:image/jpeg") == 120
    assert len(html) < 3_000_000  # noise; photographs take about half


def test_regression_says_how_far_off() -> None:
    report = make_report(["months"] * 2) | {
        "task": "regression",
        "confusion_matrix": [],
        "curves": {"predicted_against_true": {"x": [1.0, 2.0], "y": [1.5, 2.0]}},
        "mistakes": [],
        "hardest": [{"id": "a", "true": "12", "predicted": "14.5", "probability": None}],
        "metrics": {"mean_absolute_error": {"value": 7.2, "low": 6.6, "high": 7.9, "n": 300}},
    }
    seen = check_harmless(page(report, {}))
    assert "answered 14.5, truly 12, off by 2.5" in seen.text
    assert "The largest errors" in seen.text
    assert "95 % interval 6.6–7.9 · n = 300" in seen.text
    assert "What is taken for what" not in seen.text
    assert [c for c in seen.all("circle") if c["class"] == "speck"].__len__() == 2


def test_several_labels_are_listed() -> None:
    report = make_report(["boat", "dog"]) | {"task": "multi_label", "confusion_matrix": []}
    report["mistakes"] = [{"id": "a", "true": "boat|dog", "predicted": "none", "probability": None}]
    assert "boat, dog taken for none" in check_harmless(page(report, {})).text


def test_why_there_are_no_heat_maps_is_said_once() -> None:
    report = make_report(["a", "b"]) | {"notes": ["There are no heat maps: no layer.", "3."]}
    text = Page(page(report, {})).text
    assert text.count("There are no heat maps: no layer.") == 1

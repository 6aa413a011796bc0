"""The gallery's page: self-contained, escaped, accessible, bounded."""

import re
from typing import Any

import pytest

from report.reports import HOSTILE, Page, noise, png
from striate.report.gallery_page import gallery_page


def make_case(true: str, predicted: str) -> dict[str, Any]:
    return {
        "id": "cats/a.png",
        "true": true,
        "predicted": predicted,
        "probability": 0.875,
        "second": "dogs",
        "second_probability": 0.1,
        "picture": "p",
        "maps": [{"method": "grad_cam", "picture": "m", "target": predicted}],
        "neighbours": [{"id": "cats/b", "class": "cats", "distance": 0.2, "picture": "n"}],
        "near_pixels": [{"id": "birds/c", "class": "birds", "distance": 9.5, "picture": "n"}],
    }


def make_facts(names: tuple[str, ...] = ("cats", "dogs"), **others: Any) -> dict[str, Any]:
    classes = [
        {
            "name": name,
            "images": 12,
            "right": 11,
            "means": {
                "picture": "p",
                "images": 10,
                "maps": [{"method": "grad_cam", "picture": "m", "sentence": None}],
            },
            "sentences": [],
            "kinds": [
                {"title": "Right, and most sure", "images": 11, "cases": [make_case(name, name)]},
                {"title": "Wrong, the most sure first", "images": 1,
                 "cases": [make_case(name, "other")]},
                {"title": "Torn between two answers", "images": 0, "cases": []},
            ],
        }
        for name in names
    ]  # fmt: skip
    return {
        "name": "run",
        "data": "photos",
        "created": "2026-11-21T04:00:00+00:00",
        "images": 24,
        "right": 22,
        "classes": classes,
        "left_out": [],
        "among": "in training",
        "notes": [],
        **others,
    }


def about(label: str, true: list[str], predicted: list[str]) -> dict[str, Any]:
    """A case of a model that names several labels."""
    near = [{"id": "b", "class": ["circle", "star"], "picture": "n"},
            {"id": "c", "class": [], "picture": "n"}]  # fmt: skip
    said = {"about": label, "true": true, "predicted": predicted, "neighbours": near}
    return {**make_case("", ""), **said, "near_pixels": []}


PICTURES = {"p": png(), "m": png(), "n": png()}


def test_every_class_has_its_section_and_a_way_to_it() -> None:
    seen = Page(gallery_page(make_facts(), PICTURES))
    assert [section["id"] for section in seen.all("section")] == ["class-0", "class-1"]
    assert [a["href"] for a in seen.all("a")] == ["#summary", "#class-0", "#class-1"]
    assert "It answered 22 of 24 images rightly." in seen.text
    assert "11 of 12 images answered rightly." in seen.text
    assert seen.text.count("10 more images are not shown.") == 2
    assert "Torn between two answers" not in seen.text  # there are none


def test_pictures_say_what_they_are() -> None:
    seen = Page(gallery_page(make_facts(("cats",)), PICTURES))
    said = [image["alt"] for image in seen.all("img")]
    assert said[:2] == ["mean of 10 images of cats", "mean map of cats"]
    assert "truly cats, answered other" in said
    assert "what speaks for other by grad cam" in said
    assert all(said)
    assert "cats taken for other, 87.5" in seen.text
    assert seen.text.count("nearest for the network, in training") == 2
    assert seen.text.count("nearest by pixels, in training") == 2
    assert "image birds/c: birds" in said


def test_a_common_place_is_said_first_and_at_its_class() -> None:
    facts = make_facts()
    said = "In 9 of 10 images of “dogs” more than half of what speaks for it lies at the top left."
    facts["classes"][1]["sentences"] = [said]
    facts["classes"][1]["means"]["maps"][0]["sentence"] = said
    html = gallery_page(facts, PICTURES)
    assert f'<a href="#class-1">{said}</a>' in html
    assert html.count(said) == 2


def test_what_was_left_out_is_counted() -> None:
    left_out = [f"class {number}" for number in range(11)]
    seen = Page(gallery_page(make_facts(left_out=left_out, notes=["Grad-CAM refused."]), PICTURES))
    assert "11 classes are left out" in seen.text
    assert "class 7 …" in seen.text
    assert "class 8" not in seen.text
    assert "Grad-CAM refused." in seen.text


def test_of_several_labels_each_card_says_what_became_of_one() -> None:
    facts = make_facts(("star",), task="multi_label")
    (entry,) = facts["classes"]
    entry |= {"others": 20, "named_falsely": 3}
    entry["kinds"] = [{"title": "Cases", "images": 4, "cases": [
        about("star", ["circle", "star"], ["circle", "star"]),
        about("star", ["circle", "star"], ["circle"]),
        about("star", [], ["star"]),
        about("star", ["circle"], []),
    ]}]  # fmt: skip
    html = gallery_page(facts, PICTURES)
    seen = Page(html)
    assert "It answered all labels rightly on 22 of 24 images." in seen.text
    assert "named falsely on 3 of the 20 others." in seen.text
    for said in (
        "star found, 87.5",
        "has circle, star; answered the same",
        "star missed, 87.5",
        "has circle, star; answered circle",
        "star named falsely, 87.5",
        "has nothing; answered star",
        "star rightly not named, 87.5",
        "has circle; answered nothing",
    ):
        assert said in seen.text
    who = re.findall(r'class="(who[^"]*)"><bdi>([^<]*)', html)
    blue, orange, plain = ("who true", "circle, star"), ("who false", "circle, star"), "nothing"
    assert who == [side for near in (blue, blue, orange, orange) for side in (near, ("who", plain))]


@pytest.mark.parametrize("evil", HOSTILE)
def test_nothing_runs_loads_or_leaves(evil: str) -> None:
    facts = make_facts((evil, "dogs"), name=evil, data=evil, left_out=[evil], notes=[evil])
    facts["classes"][0]["sentences"] = [evil]
    html = gallery_page(facts, {**PICTURES, "m": b"no picture"})
    seen = Page(html)
    for name, attributes in seen.elements:
        assert name not in {"script", "iframe", "link", "object", "form"}
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
        assert (attributes.get("href") or "#").startswith("#")
    assert "no picture" in seen.text
    html.encode("utf-8")


def test_large_pictures_become_small() -> None:
    large = {key: noise(600) for key in PICTURES}
    html = gallery_page(make_facts(("cats",)), large)
    assert len(html) < 400_000
    widths = [int(width) for width in re.findall(r'<img[^>]* width="(\d+)"', html)]
    assert max(widths) == 200

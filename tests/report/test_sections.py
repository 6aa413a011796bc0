"""What single sections compute."""

import base64
import io
import re

from PIL import Image

from report.reports import Page, make_report, noise, png
from striate.report.pictures import heat_map, picture
from striate.report.sections.classes import curves, per_class
from striate.report.sections.confusion import confused_pairs, confusion
from striate.report.sections.data import data
from striate.report.sections.galleries import hardest


def decoded(markup: str) -> Image.Image:
    found = re.search(r"base64,([^\"]+)", markup)
    assert found is not None
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


def test_a_heat_map_has_one_pixel_per_cell_and_its_own_colour_off_the_diagonal() -> None:
    image = decoded(heat_map([[9, 0, 1], [0, 10, 0], [0, 0, 0]], "alt"))
    assert image.size == (3, 3)
    assert image.getpixel((1, 1)) == (49, 104, 201, 255)
    assert image.getpixel((2, 0)) == (204, 82, 20, round(55 + 200 * 0.1**0.5))
    assert image.getpixel((1, 0)) == (0, 0, 0, 0)
    assert image.getpixel((2, 2)) == (0, 0, 0, 0)


def test_confused_pairs_come_most_frequent_first() -> None:
    assert confused_pairs([[5, 1, 0], [3, 2, 3], [0, 0, 9]]) == [(3, 1, 0), (3, 1, 2), (1, 0, 1)]


def test_few_classes_are_a_table_and_many_a_heat_map_with_pairs() -> None:
    few = confusion(make_report([f"c{i}" for i in range(20)]))
    many = confusion(make_report([f"c{i}" for i in range(21)]))
    assert few is not None
    assert many is not None
    assert len(Page(few.body).all("td")) == 1 + 20 * 20
    assert "c0 taken for c1, 1 of 10 images" in Page(few.body).text
    assert len(Page(many.body).all("img")) == 1
    assert "1 more in report.json." in Page(many.body).text


def test_a_matrix_that_does_not_fit_the_classes_is_left_out() -> None:
    report = make_report(["a", "b"])
    assert confusion(report | {"confusion_matrix": [[1, 2]]}) is None
    assert confusion(report | {"confusion_matrix": []}) is None


def test_the_weakest_class_comes_first() -> None:
    report = make_report(["a", "b", "c"])
    report["per_class"].reverse()
    section = per_class(report)
    assert section is not None
    assert re.findall(r'scope="row"><bdi>(\w)', section.body) == ["a", "b", "c"]


def test_a_class_that_cannot_be_judged_shows_a_dash() -> None:
    report = make_report(["a", "b"])
    report["per_class"][0]["recall"] = {"value": None, "low": None, "high": None, "n": 0}
    section = per_class(report)
    assert section is not None
    assert "not defined for this class" in section.body


def test_the_three_weakest_curves_are_named_and_points_thinned() -> None:
    report = make_report(list("abcdefgh"))
    many = [i / 999 for i in range(1000)]
    for i, curve in enumerate(report["curves"]["roc"].values()):
        curve |= {"x": many, "y": many, "auc": 0.9 - 0.1 * i}
    section = curves(report)
    assert section is not None
    text = Page(section.body).text
    assert all(f"{name}, AUC" in text for name in "hgf")
    assert "5 stronger classes" in text
    paths = re.findall(r'd="(M[^"]*)"', section.body)
    assert max(path.count("L") for path in paths) <= 121


def test_excluded_files_are_all_listed_with_reasons_counted() -> None:
    report = make_report(["a", "b"])
    section = data(report)
    assert section is not None
    text = Page(section.body).text
    assert "103 found in photos/ = 100 used + 3 left out." in text
    assert "3 files left out: 3 not an image" in text
    assert text.count("It is text.") == 3


def test_hard_images_that_are_shown_as_mistakes_are_not_shown_twice() -> None:
    report = make_report(["a", "b"])
    report["hardest"] += report["mistakes"]
    section = hardest(report, {})
    assert section is not None
    assert len(re.findall("<figure>", section.body)) == 1
    assert "2 of them are among the mistakes above" in str(section.note)


def test_small_pictures_stay_as_they_are_and_crisp() -> None:
    content = png(8)
    shown = picture({"k": content}, "k", "alt", side=224)
    assert 'class="shot crisp"' in shown
    assert base64.b64encode(content).decode() in shown


def test_large_pictures_shrink_to_jpeg() -> None:
    shown = picture({"k": noise(400)}, "k", "alt", side=96)
    assert decoded(shown).size == (96, 96)
    assert decoded(shown).format == "JPEG"


def test_what_is_no_picture_is_a_blank_with_words() -> None:
    for content in (b"", b"<svg onload=alert(1)>", png(64)[:60], noise(64)[:5000]):
        shown = picture({"k": content}, "k", "alt", side=96)
        assert "data:" not in shown
        assert 'aria-label="alt"' in shown

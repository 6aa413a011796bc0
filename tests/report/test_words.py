"""Numbers, names and markup."""

import doctest
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.reports import Page
from striate.report import measures
from striate.report.markup import tag, text
from striate.report.words import counted, duration, names, number, percent, sentences, visible

anything = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "module", ["markup", "measures", "plot", "sparkline", "words", "sections.confusion"]
)
def test_examples_in_docstrings(module: str) -> None:
    failed, run = doctest.testmod(import_module(f"striate.report.{module}"))
    assert (failed, run > 0) == (0, True)


@given(anything)
def test_visible_text_can_be_written_and_keeps_what_is_harmless(name: str) -> None:
    shown = visible(name)
    shown.encode("utf-8")
    assert visible(shown) == shown
    assert not any(ord(c) < 32 or 0x202A <= ord(c) <= 0x202E for c in shown)


@given(anything)
def test_text_comes_back_from_html_as_it_was_shown(name: str) -> None:
    assert Page(tag("p", name)).text == visible(name)


@given(anything)
def test_an_attribute_comes_back_as_it_was_shown(name: str) -> None:
    assert Page(tag("p", title=name)).all("p") == [{"title": visible(name)}]


def test_markup_is_not_escaped_twice_and_strings_always_once() -> None:
    assert text(["<", tag("b", "<"), 3, None]) == "&lt;<b>&lt;</b>3"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.985, "98.5"),
        (1.0, "100"),
        (0.0, "0"),
        (0.9996, "99.96"),
        (0.0004, "0.04"),
        (0.5, "50"),
        (0.99999999, "99.9999"),
        (1e-8, "0.0001"),
        (1 - 1e-15, "100"),
        (1e-15, "0"),
    ],
)
def test_percent(value: float, said: str) -> None:
    assert percent(value) == f"{said}\u202f%"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.061, "0.061"),
        (1234.5678, "1,235"),
        (0, "0"),
        (-7.25, "-7.25"),
        (None, "–"),
        (1e-9, "1e-09"),
    ],
)
def test_number(value: float | None, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (8.24, "8.2 s"), (9.96, "10 s"), (59.7, "1 min"), (125, "2 min 5 s"),
     (3600, "1 h"), (11_520, "3 h 12 min"), (187_200, "2 d 4 h"), (None, "–")],
)  # fmt: skip
def test_duration(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_sentences_are_not_split_inside_numbers_and_names() -> None:
    assert sentences("Right on 98.5 % of 2.000. Weakest: a.b vs. c. 3 are left.") == [
        "Right on 98.5 % of 2.000.",
        "Weakest: a.b vs. c.",
        "3 are left.",
    ]


def test_names_of_one_several_and_none() -> None:
    assert [names("a\n"), names(["a", "b"]), names([]), names(None), names(2.5)] == [
        "a\\n", "a, b", "nothing", "–", "2.5"
    ]  # fmt: skip
    assert counted(1, "image") == "1 image"


def test_measures_known_and_unknown() -> None:
    row = measures.measure("accuracy")
    assert row.interval({"low": 0.96, "high": 0.992}) == "96.0–99.2\u202f%"
    assert row.interval({"low": None, "high": None}) == ""
    assert measures.measure("spearman").interval({"low": -0.2, "high": 0.4}) == "-0.200 to 0.400"
    shuffled = {"zeta": {"value": 1.0}, "macro_f1": {"value": 0.5}, "accuracy": {"value": 0.5}}
    assert list(measures.estimates(shuffled)) == ["accuracy", "macro_f1", "zeta"]

"""What `striate.byhand` offers, and what it may know."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

from striate import byhand


def public():
    return {
        name: value
        for name, value in vars(byhand).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }


def test_every_function_says_its_formula_or_shape():
    for name, value in public().items():
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, name


def test_every_derivative_and_way_back_has_its_function():
    names = set(public())
    for ending in ("_derivative", "_backward", "_gradient"):
        assert {name.removesuffix(ending) for name in names if name.endswith(ending)} <= names


def test_it_needs_no_torch():
    code = "import sys, striate.byhand; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_about_it_runs():
    page = Path(__file__).parents[2] / "docs" / "by-hand.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 10
    assert failed == 0

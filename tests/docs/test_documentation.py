"""Every command and every snippet of the documentation runs, in order, in an empty folder."""

import doctest
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.cli import run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`photos`: cats are dark, dogs are bright, 20 of each; and `photo.jpg`, a dog."""
    draw = np.random.default_rng(0)
    for name, level in {"cats": 80, "dogs": 170}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = draw.normal(level, 40, (72, 72, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("folder")
def test_what_a_page_shows_runs(page: Path) -> None:
    names: dict[str, object] = {}
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            if block.startswith(">>> "):
                _as_shown(block, page.name, names)
            else:
                exec(compile(block, page.name, "exec"), names)
        for line in block.splitlines():
            if kind == "console" and line.startswith("$ striate "):
                assert run(shlex.split(line)[2:]) == 0, line


def _as_shown(block: str, name: str, names: dict[str, object]) -> None:
    """Run what an interpreter would show, and compare what it would answer."""
    example = doctest.DocTestParser().get_doctest(block, names, name, name, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(example, clear_globs=False)
    assert not runner.failures
    names |= example.globs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_catalogue_of_errors_is_that_of_the_source() -> None:
    maker = runpy.run_path(str(ROOT / "docs" / "make_errors.py"))
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == maker["page"](), "run: python docs/make_errors.py"
    assert len(re.findall(r"^\| `[a-z-]+` \| [123] \|", written, re.MULTILINE)) > 100

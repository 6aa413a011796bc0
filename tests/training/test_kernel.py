"""Programs in C that are compiled where they run."""

import os
from pathlib import Path

import pytest

from striate.training import kernel
from striate.training.kernel import compiled, compiler

needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "answer.c"
    path.write_text("int answer(int x) { return x * FACTOR; }")
    return path


def libraries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.so"))


@needs_compiler
def test_macros_make_libraries_of_their_own(source, tmp_path):
    assert compiled(source, {"FACTOR": 2}).answer(21) == 42
    assert compiled(source, {"FACTOR": 3}).answer(21) == 63
    assert len(libraries(tmp_path)) == 2


@needs_compiler
def test_what_is_compiled_once_is_taken_from_the_cache(source, tmp_path, monkeypatch):
    compiled(source, {"FACTOR": 2})
    monkeypatch.setattr(kernel, "_compile", lambda *_: pytest.fail("compiled again"))
    assert compiled(source, {"FACTOR": 2}).answer(21) == 42
    assert [path.name for path in (tmp_path / "cache" / "kernels").iterdir()] == libraries(tmp_path)


@needs_compiler
def test_another_machine_or_another_source_has_another_library(source, tmp_path, monkeypatch):
    compiled(source, {"FACTOR": 2})
    monkeypatch.setattr(kernel, "_machine", lambda: "another")
    compiled(source, {"FACTOR": 2})
    source.write_text("int answer(int x) { return x + FACTOR; }")
    assert compiled(source, {"FACTOR": 2}).answer(21) == 23
    assert len(libraries(tmp_path)) == 3


@needs_compiler
def test_what_does_not_compile_is_none(source, tmp_path):
    source.write_text("this is no C")
    assert compiled(source, {}) is None
    assert libraries(tmp_path) == []


@needs_compiler
def test_a_cache_that_cannot_be_written_is_none(source, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert compiled(source, {"FACTOR": 2}) is None


def test_without_a_compiler_there_is_none(source, monkeypatch):
    monkeypatch.setattr(kernel, "compiler", lambda: None)
    assert compiled(source, {"FACTOR": 2}) is None


def test_the_environment_names_the_compiler(tmp_path, monkeypatch):
    own = tmp_path / "own-cc"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    compiler.cache_clear()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CC", "own-cc")
    try:
        assert compiler() == str(own)
    finally:
        compiler.cache_clear()

"""A run folder's files, and how it is found again."""

import shlex

import pytest

import striate as st
from striate.errors import FileError, RunError, UsageError
from striate.tasks.run_folder import RunFolder, find_run, new_folder_in


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(tmp_path / "runs" / "my run")
    folder.write_recipe({"data": "my photos", "epochs": 2})
    return folder


@pytest.mark.parametrize("given", ["my run", "runs/my run", "runs/my run/recipe.yaml"])
def test_a_run_is_found_by_name_path_or_file(folder, given):
    assert find_run(given).path.resolve() == folder.path


def test_close_names_are_offered(folder, tmp_path):
    with pytest.raises(RunError, match="Did you mean runs/my run"):
        find_run("my rum")
    with pytest.raises(RunError, match="Did you mean runs/my run"):
        find_run("anything")
    folder.recipe.unlink()
    with pytest.raises(RunError, match="`striate train DATA` makes one"):
        find_run("my run")


def test_openings_survive_a_torn_line(folder):
    folder.log_test_opening("train")
    with folder.events.open("a") as file:
        file.write('{"event": "TestOp')
    assert [opening["by"] for opening in folder.test_openings()] == ["train"]
    folder.log_test_opening("evaluate")
    assert [opening["by"] for opening in folder.test_openings()] == ["train", "evaluate"]


def test_the_command_to_go_on_is_one_a_shell_takes(folder):
    assert shlex.split(folder.resume_command) == [
        "striate", "train", "my photos", "--output-dir", str(folder.path), "--resume",
    ]  # fmt: skip


def test_a_damaged_report_or_recipe_says_so(folder):
    folder.report.write_text("{broken")
    with pytest.raises(FileError, match=r"report.json"):
        folder.read_report()
    folder.recipe.write_text("just words")
    with pytest.raises(RunError, match="is no recipe"):
        folder.read_recipe()
    folder.recipe.write_text("a: [")
    with pytest.raises(RunError, match="is no recipe"):
        folder.read_recipe()


def test_evaluations_are_numbered(tmp_path):
    assert new_folder_in(tmp_path, "test", None).name == "test"
    (tmp_path / "test").mkdir()
    assert new_folder_in(tmp_path, "test", None).name == "test-2"
    assert new_folder_in(tmp_path, "test", tmp_path / "x") == tmp_path / "x"
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "report.json").touch()
    with pytest.raises(UsageError, match="already holds a report"):
        new_folder_in(tmp_path, "test", tmp_path / "x")


def test_hashes_of_what_was_learnt_from(trained):
    learnt = trained.files.trained_hashes()
    counts = trained.report["data"]["by_split"]
    assert len(learnt) == counts["train"] + counts["val"]


def test_a_run_opens_with_its_outcome(trained):
    run = st.open_run(trained.folder)
    assert (run.outcome, run.folder) == ("finished", trained.folder)
    assert run.history == trained.history
    assert run.report == trained.report
    assert repr(run.report).startswith(run.report.verdict)

"""Help: quick, complete, and for every verb."""

import subprocess
import sys
import time

import pytest

from striate.cli import run
from striate.tasks.explain_request import ExplainRequest
from striate.tasks.request import (
    CompareRequest,
    DataCheckRequest,
    DataSplitRequest,
    EvaluateRequest,
    FilterRequest,
    PredictRequest,
    SummaryRequest,
    TrainRequest,
)
from striate.tasks.transfer_request import TransferRequest

VERBS = {
    "train": TrainRequest,
    "evaluate": EvaluateRequest,
    "predict": PredictRequest,
    "explain": ExplainRequest,
    "transfer": TransferRequest,
    "compare": CompareRequest,
    "filter": FilterRequest,
    "summary": SummaryRequest,
    "data check": DataCheckRequest,
    "data split": DataSplitRequest,
}
HEAVY = ("torch", "numpy", "pydantic", "PIL", "yaml", "sklearn", "pyarrow", "scipy")


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_first_help_names_every_verb(arguments, capsys):
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert all(verb.split()[0] in said for verb in VERBS)
    assert "Start with: striate train digits" in said


@pytest.mark.parametrize("verb", VERBS)
def test_every_field_of_the_request_is_in_the_help(verb, capsys):
    assert run([*verb.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: striate {verb} ")
    for name, field in VERBS[verb].model_fields.items():
        extra = field.json_schema_extra
        if extra.get("hidden"):
            continue
        shown = name.upper() if extra.get("positional") else f"--{name.replace('_', '-')}"
        assert shown in said, name
        for flag in extra.get("flags", ()):
            assert f" {flag} " in said, flag
        assert field.description.split(";")[0].split(",")[0].rstrip(".") in said, name
    assert {"--json", "--quiet", "--config"} <= set(said.split())
    assert "None" not in said


def test_limits_and_defaults_are_told(capsys):
    run(["train", "--help"])
    said = capsys.readouterr().out
    assert "[above 0, below 1, default 0.15]" in said
    assert "[default one_cycle]" in said
    assert "DATA is a folder with a class per sub-folder" in said


def test_the_version(capsys):
    from striate import __version__

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["data", "--help"], ["trian"], ["data", "chekc"]]
)
def test_help_loads_nothing_heavy(arguments):
    code = (
        f"import sys\nfrom striate.cli import run\nrun({arguments})\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_help_answers_at_once():
    """0.3 s on a quiet machine; the best of three, with room for a busy one."""

    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "striate.cli", "--help"], capture_output=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1.0

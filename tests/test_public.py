"""What `import striate` offers, what it costs, and that every error has a code and a sentence."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import striate
from striate import errors
from striate.errors import StriateError, UsageError, check_divides, unknown_name

SOURCE = Path(striate.__file__).parent
PUBLIC = [
    "Estimate", "Model", "Predictions", "Preprocessing", "Run", "Sequential", "StriateError",
    "StriateWarning", "byhand", "compare", "convolutionalise", "draw", "evaluate", "explain",
    "filters", "layers", "load", "losses", "open_run", "optimizers", "summary", "train",
    "transfer", "zoo",
]  # fmt: skip


def test_the_public_names():
    assert striate.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(striate))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name):
    assert getattr(striate, name) is not None


def test_functions_win_over_packages_of_like_name():
    import striate.summaries
    import striate.training

    assert callable(striate.train)
    assert callable(striate.summary)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'striate' has no attribute 'nothing'"):
        _ = striate.nothing


def imported_by(code: str, *names: str) -> str:
    """Which of these packages a fresh process has loaded after `code`."""
    script = (
        f"import sys\n{code}\nprint(*[n for n in {names} if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stderr.strip()


def test_import_striate_computes_nothing():
    heavy = ("torch", "numpy", "PIL", "pydantic", "rich", "scipy", "sklearn", "pyarrow")
    assert imported_by("import striate; striate.__version__; dir(striate)", *heavy) == ""


def test_layers_need_no_training():
    assert imported_by("from striate import layers, losses", "sklearn", "pyarrow", "rich") == ""


def raised_codes() -> dict[str, set[str]]:
    """Code to the kinds of errors that carry it, from the calls in the source."""
    kinds = {
        n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, StriateError)
    }
    found: dict[str, set[str]] = {}
    for file in SOURCE.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in kinds and call.args:
                code = call.args[0]
                if isinstance(code, ast.Constant):
                    found.setdefault(code.value, set()).add(call.func.id)
    return found


def test_codes_are_stable_words():
    codes = raised_codes()
    assert len(codes) > 60
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


def test_a_code_means_one_kind_of_error():
    shared = {code: kinds for code, kinds in raised_codes().items() if len(kinds) > 1}
    assert shared == {}


def test_an_error_says_what_and_what_to_do():
    error = UsageError("usage-x", "What happened.", "Do this.")
    assert str(error) == "What happened. Do this."
    assert (error.code, error.what, error.fix) == ("usage-x", "What happened.", "Do this.")
    assert str(UsageError("usage-x", "What happened.")) == "What happened."


@pytest.mark.parametrize(
    ("kind", "code"),
    [(errors.StriateError, 1), (errors.UsageError, 2), (errors.UnknownName, 2),
     (errors.DataError, 3), (errors.FileError, 1), (errors.RunError, 1), (errors.TrainingError, 1),
     (errors.ShapeError, 1), (errors.ExplainError, 1)],
)  # fmt: skip
def test_exit_codes(kind, code):
    assert kind.exit_code == code


def test_near_names_are_offered():
    assert unknown_name("colour", "gree", ["green", "blue"]).fix == "Did you mean 'green'?"
    assert unknown_name("colour", "x", ["green", "red"]).fix == "Known: green, red."


def test_divisors_are_offered():
    with pytest.raises(errors.ShapeError, match=r"got reduction=16 and channels=40\. .*: 10, 20\."):
        check_divides("SqueezeExcite", reduction=16, channels=40)
    check_divides("SqueezeExcite", reduction=8, channels=40)

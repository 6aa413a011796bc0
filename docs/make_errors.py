"""Write docs/errors.md from the source: `python docs/make_errors.py`."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MADE = ("Error", "UnknownName", "Finding", "Notice", "Advice", "Warning")
EXIT_CODES = {"UsageError": 2, "UnknownName": 2, "DataError": 3}
HEAD = """# Errors and their codes

Every error is a `striate.StriateError`: it says what happened and where, then what to do, and
carries a stable code in its attribute `code` (the command line prints it in brackets). The exit
code is 2 for wrong usage, 3 for data that cannot be used, 1 for everything else, 130 and 143 for
interruptions that can be resumed. `…` stands for what differs from case to case.

| code | exit | what it says | what to do |
|---|---|---|---|
"""
TOLD = """
## Warnings, findings and notices

These do not stop anything by themselves, except findings of severity `error` in the data check.

| code | what it says |
|---|---|
"""


def page() -> str:
    """The whole page."""
    errors, told = {}, {}
    for call in calls():
        name = name_of(call)
        texts = [template(argument) for argument in call.args]
        if name.endswith("Error") or name == "UnknownName":
            code, what, *fix = texts
            row = f"| `{code}` | {EXIT_CODES.get(name, 1)} | {what} | {fix[0] if fix else ''} |"
            errors.setdefault(code, row)
        else:
            code = next(text for text in texts if is_code(text))
            says = texts[2] if len(texts) > 2 and texts[2] != "…" else "varies"
            if name.endswith("Warning"):
                says = " ".join(texts[1:])
            told.setdefault(code, f"| `{code}` | {says} |")
    rows = "\n".join(errors[code] for code in sorted(errors))
    return HEAD + rows + "\n" + TOLD + "\n".join(told[code] for code in sorted(told)) + "\n"


def calls() -> Iterator[ast.Call]:
    """Every place in the source that makes an error, a warning, a finding or the like."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not name_of(node).endswith(MADE):
                continue
            if any(is_code(template(argument)) for argument in node.args[:2]):
                yield node


def name_of(call: ast.Call) -> str:
    """What is called: `DataError`, `errors.DataError`; empty for anything fancier."""
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def is_code(text: str) -> bool:
    return "-" in text and text.replace("-", "").isalpha() and text.islower()


def template(node: ast.expr) -> str:
    """A string as it stands in the source, with … for what is filled in."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
    else:
        text = "…"
    return text.replace("|", "\\|").replace("\n", " ").strip()


if __name__ == "__main__":
    (ROOT / "docs" / "errors.md").write_text(page(), encoding="utf-8")

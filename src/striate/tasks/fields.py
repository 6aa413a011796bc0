"""How a request is written: frozen, validated, once.

The command line's flags, the docs and the checks are read from these fields. `positional` fields
are a command's arguments; `flags` are spellings that people know from other tools.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from striate.errors import UsageError, unknown_name

RULES = {  # the checks of pydantic in our words
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "string_type": "must be a text",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "path_type": "must be a path",
}
AnyRequest = TypeVar("AnyRequest", bound=BaseModel)


def argument(help: str, *, default: Any = ..., variadic: bool = False) -> Any:
    """A field that is given by its place on the command line."""
    extra: dict[str, Any] = {"positional": True, "variadic": variadic}
    return Field(default, description=help, json_schema_extra=extra)


def option(default: Any, help: str, *flags: str, **limits: Any) -> Any:
    """A field that is given by a flag, with its limits (`ge`, `gt`, `le`, `lt`)."""
    extra: dict[str, Any] = {"flags": list(flags)}
    return Field(default, description=help, json_schema_extra=extra, **limits)


class Request(BaseModel):
    """The base of all requests: an unknown field is an error, and nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def ask(
    kind: type[AnyRequest],
    values: Mapping[str, Any],
    spelled: Callable[[str], str] = str,
) -> AnyRequest:
    """A request from plain values, checked.

    Args:
        spelled: a field's name as the person wrote it, such as `--batch-size`.
    Raises:
        UnknownName: the request has no such field; the nearest names are given.
        UsageError: a value breaks its rule; the field, the rule and the value are told.
    """
    for name in values:
        if name not in kind.model_fields:
            raise unknown_name("option", name, kind.model_fields)
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing":
        raise UsageError("usage-missing", f"{name.upper()} is missing.")
    rule = RULES.get(first["type"], first["msg"].removeprefix("Value error, "))
    rule = rule.format(**first.get("ctx", {}))
    said = f"{spelled(name)}: {rule}, got {first['input']!r}." if name else f"{rule}."
    raise UsageError("usage-value", said)

"""Options that come otherwise than by flags: from a file, or as KEY=VALUE."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from striate.errors import UsageError, unknown_name


def extra(field: FieldInfo) -> dict[str, Any]:
    """What a request says of a field for faces to know."""
    found = field.json_schema_extra
    return dict(found) if isinstance(found, dict) else {}


def flags(name: str, field: FieldInfo) -> list[str]:
    """The long name first, then the spellings that people know from elsewhere."""
    if extra(field).get("positional"):
        return [name.upper()]
    return list(dict.fromkeys([f"--{name.replace('_', '-')}", *extra(field).get("flags", ())]))


def read_config(path: Path, request: type[BaseModel]) -> dict[str, Any]:
    """The options of a YAML file, by the names of the request's fields.

    Raises:
        UsageError: the file cannot be read, or is not lines of the form `option: value`.
        UnknownName: it has an option that the request has not.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError("usage-config", f"--config: cannot read {path}: {why}.") from error
    except yaml.YAMLError as error:
        raise UsageError("usage-config", f"--config: {path} is no YAML: {error}.") from error
    if not isinstance(values, dict):
        raise UsageError(
            "usage-config", f"--config: {path} must hold lines of the form `option: value`."
        )
    return {field_name(str(key), request): value for key, value in values.items()}


def overrides(tokens: Sequence[str], request: type[BaseModel]) -> dict[str, Any]:
    """Settings such as `epochs=2`; values are read as YAML.

    Raises:
        UsageError: a token is no KEY=VALUE.
        UnknownName: the request has no such option.
    """
    values = {}
    for token in tokens:
        key, equals, text = token.partition("=")
        if not equals:
            raise UsageError(
                "usage-argument",
                f"Cannot place the argument {token!r}.",
                "Options begin with --, settings are KEY=VALUE.",
            )
        try:
            values[field_name(key, request)] = yaml.safe_load(text)
        except yaml.YAMLError:
            values[field_name(key, request)] = text
    return values


def is_setting(token: str, request: type[BaseModel]) -> bool:
    """Whether it is KEY=VALUE of an option there is, and no file of that name."""
    key, equals, _ = token.partition("=")
    known = {
        flag.lstrip("-") for n, f in request.model_fields.items() for flag in (n, *flags(n, f))
    }
    return bool(equals) and key in known and not Path(token).exists()


def field_name(key: str, request: type[BaseModel]) -> str:
    """The field that a key means, by its name or any of its flags."""
    spelled = {
        flag.lstrip("-"): name
        for name, field in request.model_fields.items()
        for flag in (*flags(name, field), name)
    }
    if key.lstrip("-") not in spelled:
        raise unknown_name("option", key, spelled)
    return spelled[key.lstrip("-")]


def refuse_options(arguments: Sequence[str], request: type[BaseModel]) -> None:
    """Raise for what was meant as an option but is none; a lone - is standard input."""
    known = [flag for name, field in request.model_fields.items() for flag in flags(name, field)]
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            raise unknown_name("option", argument.partition("=")[0], known)

"""From a Request to a command: its fields are written once and become flags, help and checks."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from cyclopts import Parameter
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from striate.errors import UsageError, unknown_name

Answer = Callable[[Any, "Output"], int | None]


class Output(BaseModel, frozen=True):
    """How the answer is wanted, the same for every verb."""

    json_output: bool = False
    quiet: bool = False


def command(request: type[BaseModel], answer: Answer) -> Callable[..., int | None]:
    """A function whose parameters are the request's fields, for the command line to read.

    Values that were not given stay out, so that a file given by --config and the request's own
    defaults can fill them. `answer(request, output)` does the work and may return an exit code.
    """
    fields = request.model_fields
    variadic = any(_extra(field).get("variadic") for field in fields.values())

    def run(*positional: Any, **given: Any) -> int | None:
        output = Output(
            json_output=given.pop("json_output", False), quiet=given.pop("quiet", False)
        )
        config = given.pop("config", None)
        values: dict[str, Any] = _read_config(config, request) if config else {}
        names = [name for name, field in fields.items() if _extra(field).get("positional")]
        if variadic:
            values.update(zip(names, positional[: len(names) - 1], strict=False))
            if rest := positional[len(names) - 1 :]:
                values[names[-1]] = rest
        else:
            values.update(zip(names, [p for p in positional if p is not None], strict=False))
            values.update(_overrides(positional[len(names) :], request))
        values.update({name: value for name, value in given.items() if value is not None})
        return answer(build_request(request, values), output)

    parameters = [*_positional(fields), *_rest(variadic, fields), *_options(fields), *_COMMON]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__doc__ = inspect.getdoc(request)
    return run


def build_request(request: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    """The validated request.

    Raises:
        UsageError: a value breaks its rule; the option, the rule and the value are named.
    """
    try:
        return request(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        field = request.model_fields.get(name)
        flag = _flags(name, field)[0] if field else name
        if first["type"] == "missing":
            raise UsageError("usage-missing", f"{name.upper()} is missing.") from error
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        reason = reason[:1].lower() + reason[1:]
        got = f", got {first['input']!r}" if field else ""
        raise UsageError("usage-value", f"{flag}: {reason}{got}.".lstrip(": ")) from error


def _extra(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _flags(name: str, field: FieldInfo) -> list[str]:
    """The long name first, then the spellings that people know from elsewhere."""
    return [f"--{name.replace('_', '-')}", *_extra(field).get("flags", ())]


def _help(field: FieldInfo) -> str:
    text = field.description or ""
    default = field.default
    if field.is_required() or default in (None, False, (), ""):
        return text
    return f"{text} [default: {default}]"


def _optional(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation):
        return annotation
    return annotation | None


def _positional(fields: Mapping[str, FieldInfo]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_ONLY,
            default=None,  # a file given by --config may hold it
            annotation=Annotated[
                _optional(field.annotation),
                Parameter(help=field.description, show_default=False),
            ],
        )
        for name, field in fields.items()
        if _extra(field).get("positional") and not _extra(field).get("variadic")
    ]


def _rest(variadic: bool, fields: Mapping[str, FieldInfo]) -> list[inspect.Parameter]:
    """What follows the named arguments: a list of files, or KEY=VALUE settings."""
    if variadic:
        name, field = next(item for item in fields.items() if _extra(item[1]).get("variadic"))
        note = Parameter(help=field.description, show_default=False)
    else:
        name = "overrides"
        note = Parameter(help="KEY=VALUE: any option, without the dashes.", show_default=False)
    return [
        inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL, annotation=Annotated[str, note])
    ]


def _options(fields: Mapping[str, FieldInfo]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                _optional(field.annotation),
                Parameter(name=_flags(name, field), help=_help(field), show_default=False),
            ],
        )
        for name, field in fields.items()
        if not _extra(field).get("positional") and not _extra(field).get("hidden")
    ]


def _keyword(name: str, kind: Any, default: Any, note: Parameter) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, note]
    )


_COMMON = [
    _keyword(
        "config",
        Path | None,
        None,
        Parameter(name="--config", help="A YAML file of options, such as a run's recipe.yaml."),
    ),
    _keyword(
        "json_output",
        bool,
        False,
        Parameter(name="--json", help="Print the result as JSON.", negative=()),
    ),
    _keyword(
        "quiet",
        bool,
        False,
        Parameter(name=["--quiet", "-q"], help="No progress, only the result.", negative=()),
    ),
]


def _read_config(path: Path, request: type[BaseModel]) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UsageError("usage-config", f"Cannot read {path}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise UsageError("usage-config", f"{path} is no YAML: {error}.") from error
    if not isinstance(values, dict):
        raise UsageError("usage-config", f"{path} must hold lines of the form `option: value`.")
    return {_field_name(str(key), request): value for key, value in values.items()}


def _overrides(tokens: tuple[str, ...], request: type[BaseModel]) -> dict[str, Any]:
    values = {}
    for token in tokens:
        key, equals, text = token.partition("=")
        if not equals:
            raise UsageError(
                "usage-argument",
                f"Cannot place the argument {token!r}.",
                "Options begin with --, settings are KEY=VALUE.",
            )
        values[_field_name(key, request)] = yaml.safe_load(text)
    return values


def _field_name(key: str, request: type[BaseModel]) -> str:
    """The field that a key of a config file or KEY=VALUE means, by its name or any of its flags."""
    spelled = {
        flag.lstrip("-"): name
        for name, field in request.model_fields.items()
        for flag in (*_flags(name, field), name)
    }
    if key not in spelled:
        raise unknown_name("option", key, spelled)
    return spelled[key]

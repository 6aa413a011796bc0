"""From a Request to a command: its fields are written once and become flags, help and checks."""

import gc
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from cyclopts import App, Group, Parameter
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from striate.cli.settings import extra, flags, is_setting, overrides, read_config, refuse_options
from striate.errors import UsageError
from striate.tasks.fields import ask

Answer = Callable[[Any, "Output"], int | None]
LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


class Output(BaseModel, frozen=True):
    """How the answer is wanted, the same for every verb."""

    json_output: bool = False
    quiet: bool = False


def command(verb: str, request: type[BaseModel], answer: Answer) -> App:
    """The command for a request: its parameters are the request's fields.

    Values that were not given stay out, so that a file given by --config and the request's own
    defaults can fill them. `answer(request, output)` does the work and may return an exit code.

    Args:
        verb: as it is typed after `striate`, such as `data check`.
    """
    fields = request.model_fields
    variadic = any(extra(field).get("variadic") for field in fields.values())

    def run(*positional: Any, **given: Any) -> int | None:
        output = Output(
            json_output=given.pop("json_output", False), quiet=given.pop("quiet", False)
        )
        config = given.pop("config", None)
        refuse_options([p for p in positional if isinstance(p, str)], request)
        values: dict[str, Any] = read_config(config, request) if config else {}
        names = [name for name, field in fields.items() if extra(field).get("positional")]
        if variadic:
            values.update(zip(names, positional[: len(names) - 1], strict=False))
            if rest := positional[len(names) - 1 :]:
                values[names[-1]] = rest
        else:
            plain = [p for p in positional[: len(names)] if p is not None]
            # such as epochs=2 in place of DATA
            settings = [p for p in plain if is_setting(str(p), request)]
            values.update(zip(names, [p for p in plain if p not in settings], strict=False))
            values.update(overrides([*map(str, settings), *positional[len(names) :]], request))
        values.update({name: value for name, value in given.items() if value is not None})
        if missing := [name for name in names if fields[name].is_required() and name not in values]:
            raise UsageError(
                "usage-missing", f"{missing[0].upper()} is missing.", _usage(verb, request)
            )
        gc.enable()  # was off while modules were imported
        return answer(ask(request, values, lambda name: flags(name, fields[name])[0]), output)

    parameters = [*_positional(fields), *_rest(variadic, fields), *_options(request), *_COMMON]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    app = App(
        name=verb.split()[-1],
        help_format="plaintext",
        help_epilogue=_details(request),
        usage=_usage(verb, request),
        version_flags=(),
    )
    app.default(run)
    return app


def _details(request: type[BaseModel]) -> str:
    """All but the first paragraph of its docstring, which `striate --help` has in few words."""
    _, *rest = (inspect.getdoc(request) or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in rest)


def _usage(verb: str, request: type[BaseModel]) -> str:
    """`Usage: striate train DATA [KEY=VALUE…] [OPTIONS]`."""
    words, rest = [], ["[KEY=VALUE…]"]
    for name, field in request.model_fields.items():
        if extra(field).get("variadic"):
            rest = [f"{name.upper()}…"]
        elif extra(field).get("positional"):
            words.append(name.upper() if field.is_required() else f"[{name.upper()}]")
    return " ".join(["Usage: striate", verb, *words, *rest, "[OPTIONS]"])


def _help(field: FieldInfo) -> str:
    """What it does, its unit and range, and what it is when not given."""
    text = field.description or ""
    said = [text] if (unit := extra(field).get("unit")) in (None, "", "fraction") else [text, unit]
    for limit in field.metadata:
        numbers = {word: getattr(limit, key, None) for key, word in LIMITS.items()}
        said += [f"{w} {n}" for w, n in numbers.items() if n is not None and n < 2**31]
    if not field.is_required() and field.default not in (None, False, (), ""):
        said.append(f"default {_plain(field.default)}")
    about = ", ".join(str(word) for word in said[1:])
    return f"{text} [{about}]" if about else text


def _plain(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


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
        if extra(field).get("positional") and not extra(field).get("variadic")
    ]


def _rest(variadic: bool, fields: Mapping[str, FieldInfo]) -> list[inspect.Parameter]:
    """What follows the named arguments: a list of files, or KEY=VALUE settings."""
    if variadic:
        name, field = next(item for item in fields.items() if extra(item[1]).get("variadic"))
        note = Parameter(help=field.description, show_default=False, allow_leading_hyphen=True)
    else:
        name = "settings"
        note = Parameter(
            name="KEY=VALUE", help="Any option, without the dashes.", show_default=False
        )
    return [
        inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL, annotation=Annotated[str, note])
    ]


def _options(request: type[BaseModel]) -> list[inspect.Parameter]:
    """The request's own options first, then those it inherits, each under its heading."""
    own = set(request.__annotations__)
    headings = Group("Options", sort_key=1), Group("Options of the training", sort_key=2)
    return [
        _keyword(
            name,
            _optional(field.annotation),
            None,
            Parameter(
                name=flags(name, field),
                help=_help(field),
                show_default=False,
                negative=(),
                group=headings[name not in own],
                allow_leading_hyphen=name == "csv",
            ),
        )
        for name, field in request.model_fields.items()
        if not extra(field).get("positional") and not extra(field).get("hidden")
    ]


def _keyword(name: str, kind: Any, default: Any, note: Parameter) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, note]
    )


def _common(name: str, kind: Any, default: Any, help: str, *spelled: str) -> inspect.Parameter:
    group = Group("Input and output", sort_key=3)
    note = Parameter(name=spelled, help=help, negative=(), show_default=False, group=group)
    return _keyword(name, kind, default, note)


_COMMON = [
    _common(
        "config", Path | None, None,
        "A YAML file of options, such as a run's recipe.yaml.", "--config",
    ),
    _common("json_output", bool, False, "Print the result as JSON.", "--json"),
    _common("quiet", bool, False, "No progress, only the result.", "--quiet", "-q"),
]  # fmt: skip

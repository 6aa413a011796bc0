"""The frame of a page that stands alone: no request leaves it, nothing foreign runs in it."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from striate.report.markup import Content, Markup, tag


def alone(title: str, *body: Content, style: str, script: str | None = None) -> str:
    """A whole page.

    Args:
        style, script: files of this package, which become part of the page.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(_asset(style))),
    )
    runs = None if script is None else tag("script", Markup(_asset(script)))
    return f"<!doctype html>\n{tag('html', head, tag('body', *body, runs), lang='en')}\n"


@cache
def _asset(name: str) -> str:
    return files("striate.report").joinpath(name).read_text("utf-8")


@cache
def _policy(style: str, script: str | None) -> str:
    """Nothing is allowed but the page's own style and script, known by their hashes, and data:."""
    scripts = "" if script is None else f"script-src '{_hash(script)}'; "
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; {scripts}img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

"""HTML that is safe by construction: a string becomes text, only `tag` makes markup.

Every name in a report may come from a stranger's disk, so nothing is ever formatted into HTML by
hand: children and attributes that are plain strings are made visible and escaped here, once.
"""

import html
from collections.abc import Iterable

from striate.report.words import visible


class Markup(str):
    """A string that is already HTML and is put into its parent as it stands."""

    __slots__ = ()


Content = str | Markup | int | None | Iterable["Content"]
Attribute = str | int | float | bool | None

VOID = frozenset({"br", "col", "hr", "img", "meta", "wbr"})


def text(content: Content) -> Markup:
    """Content as HTML: markup as it stands, strings escaped, None left out, sequences joined.

    >>> text(["a < b", None, tag("br")])
    'a &lt; b<br>'
    """
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int):
        return Markup(html.escape(visible(str(content))))
    return Markup("".join(map(text, content)))


def tag(name: str, /, *children: Content, **attributes: Attribute) -> Markup:
    """One element; `class_` becomes `class`, `aria_label` becomes `aria-label`.

    An attribute that is None or False is left out, one that is True stands bare, and floats are
    rounded to hundredths (they are coordinates).

    >>> tag("a", "<here>", href="#top", class_="quiet", hidden=False)
    '<a href="#top" class="quiet">&lt;here&gt;</a>'
    """
    opening = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{text(children)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if isinstance(value, float):
        return f' {name}="{value:.2f}"'.replace('.00"', '"')
    return f' {name}="{html.escape(visible(str(value)))}"'

"""How numbers, names and measures are said to a person."""

import math
import re
from collections.abc import Mapping

THIN = "\u202f"  # narrow no-break space, before % and units
FLOAT_ERROR = 1e-9  # of a percentage that was computed: the mean of ones may fall short of 1

# control characters, zero-width and direction marks, halves of code points, non-characters
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(name: str) -> str:
    r"""The string with every character that could hide, break or turn a line written out.

    Bytes of a file name that are no UTF-8 (Python keeps them as lone surrogates) come out as they
    would in a byte string.

    >>> visible("a\nb\u202egpj.\udcff")
    'a\\nb\\u202egpj.\\xff'
    """
    return _UNSEEN.sub(_escape, name)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(name: str, most: int) -> str:
    """At most `most` characters, the middle given up first: both ends tell names apart.

    >>> shorten("holiday-in-the-mountains.jpg", 13)
    'holida…ns.jpg'
    """
    name = visible(name)
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"


def finite(value: object) -> float | None:
    """The number, or None for anything that is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def count(number: int | float) -> str:
    """A whole number with thousands separated: `1,797`."""
    return f"{number:,.0f}"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """`1 image`, `2 images`."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def percent(value: float | None, digits: int = 1, *, trim: bool = True) -> str:
    """A fraction in percent; never rounded up to 100 or down to 0 when it is neither.

    >>> percent(0.99996), percent(1.0), percent(0.5), percent(0.9999999)
    ('99.996\u202f%', '100\u202f%', '50\u202f%', '99.9999\u202f%')
    """
    if value is None:
        return "–"
    share = 100 * value
    if FLOAT_ERROR < share < 100 - FLOAT_ERROR:
        share = min(max(share, 0.0001), 99.9999)
        while digits < 4 and round(share, digits) in (0, 100):
            digits += 1
    shown = f"{share:.{digits}f}"
    if trim:
        shown = shown.removesuffix("." + "0" * digits)
    return f"{shown}{THIN}%"


def number(value: float | None) -> str:
    """A plain number to about four significant digits.

    >>> number(0.034567), number(12345.6), number(3.0), number(2e-7)
    ('0.03457', '12,346', '3', '2e-07')
    """
    if value is None:
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e9:
        digits = 3 - math.floor(math.log10(abs(value))) if value else 0
        shown = f"{value:,.{min(max(digits, 0), 7)}f}"
        return shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """`8.2 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        amount, whole = divmod(whole, size)
        parts.append((amount, unit))
    while parts[0][0] == 0:
        del parts[0]
    return " ".join(f"{amount} {unit}" for amount, unit in parts[:2] if amount)


def names(value: object, most: int = 60) -> str:
    """A label, number or list of labels as one line: what a person said or the network answered."""
    if isinstance(value, list | tuple):
        return ", ".join(names(each, most) for each in value) or "nothing"
    plain = finite(value)
    if plain is not None:
        return number(plain)
    return "–" if value is None else shorten(str(value), most)


def spoken_reason(file: Mapping[str, object]) -> str:
    """The stable code of why a file was left out, in words.

    >>> spoken_reason({"reason": "data-not-an-image"})
    'not an image'
    """
    return str(file.get("reason")).removeprefix("data-").replace("-", " ")


def sentences(paragraph: str) -> list[str]:
    """Split prose after full stops that are followed by a capital, a digit or a quotation mark."""
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9“\"'])", paragraph.strip())
    return [part for part in parts if part]

"""Numbers as one writes them by hand."""


def written_number(value: float) -> str:
    """Six digits at most, whole numbers without a point.

    >>> [written_number(value) for value in (3.0, -0.5, 2**0.5, -0.0)]
    ['3', '-0.5', '1.41421', '0']
    """
    return f"{value + 0.0:.6g}"

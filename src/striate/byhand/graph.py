"""Numbers that remember how they were made: the gates of a computation graph.

Each gate knows its number and, for each of its inputs, the local derivative d(gate)/d(input).
"""

import math
from dataclasses import dataclass, field, replace

from striate.byhand._text import written_number
from striate.errors import UsageError


@dataclass(frozen=True, eq=False)
class Edge:
    """From a gate back to one of its inputs.

    Args:
        local: d(gate)/d(source), the number.
        rule: how it is found, with {a} and {b} for the gate's inputs and {out} for the gate.
    """

    source: "Value"
    local: float
    rule: str


@dataclass(frozen=True, eq=False)
class Value:
    """A number of a computation, with what it was made of.

    It can be added, multiplied and so on with others and with plain numbers, which are constants
    and get no gradient.

    Args:
        data: the number.
        name: what the blackboard calls it; gates that have none are numbered v1, v2, …
        pattern: how it was made, such as "{a} + {b}"; empty for the inputs of the graph.
        constant: a number that is never asked for its gradient.
    """

    data: float
    name: str = ""
    pattern: str = ""
    edges: tuple[Edge, ...] = field(default=(), repr=False)
    constant: bool = False

    def named(self, name: str) -> "Value":
        """The same gate under a name; go on with this one."""
        return replace(self, name=name)

    def __add__(self, other: "Value | float") -> "Value":
        b = _value(other)
        return _gate(self.data + b.data, "{a} + {b}", (self, 1.0, "1"), (b, 1.0, "1"))

    def __sub__(self, other: "Value | float") -> "Value":
        b = _value(other)
        return _gate(self.data - b.data, "{a} - {b}", (self, 1.0, "1"), (b, -1.0, "-1"))

    def __mul__(self, other: "Value | float") -> "Value":
        b = _value(other)
        return _gate(self.data * b.data, "{a} * {b}", (self, b.data, "{b}"), (b, self.data, "{a}"))

    def __truediv__(self, other: "Value | float") -> "Value":
        b = _value(other)
        if b.data == 0:
            raise _undefined(f"{written_number(self.data)} / 0")
        return _gate(
            self.data / b.data,
            "{a} / {b}",
            (self, 1 / b.data, "1 / {b}"),
            (b, -self.data / b.data**2, "-{a} / {b}^2"),
        )

    def __pow__(self, power: float) -> "Value":
        if (self.data == 0 and power < 1) or (self.data < 0 and power != int(power)):
            raise _undefined(f"{written_number(self.data)} ^ {written_number(power)}")
        local = power * self.data ** (power - 1) if power else 0.0
        n, less = written_number(power), written_number(power - 1)
        return _gate(self.data**power, f"{{a}} ^ {n}", (self, local, f"{n} {{a}}^{less}"))

    def __neg__(self) -> "Value":
        return _gate(-self.data, "-{a}", (self, -1.0, "-1"))

    def __radd__(self, other: float) -> "Value":
        return _value(other) + self

    def __rsub__(self, other: float) -> "Value":
        return _value(other) - self

    def __rmul__(self, other: float) -> "Value":
        return _value(other) * self

    def __rtruediv__(self, other: float) -> "Value":
        return _value(other) / self

    def exp(self) -> "Value":
        """e^x; d/dx = e^x."""
        return self._function("exp", math.exp(self.data), math.exp(self.data), "{out}")

    def log(self) -> "Value":
        """The natural logarithm; d/dx = 1 / x."""
        if self.data <= 0:
            raise _undefined(f"log({written_number(self.data)})")
        return self._function("log", math.log(self.data), 1 / self.data, "1 / {a}")

    def sigmoid(self) -> "Value":
        """y = 1 / (1 + e^-x); d/dx = y (1 - y)."""
        y = (1 + math.tanh(self.data / 2)) / 2
        return self._function("sigmoid", y, y * (1 - y), "{out} (1 - {out})")

    def tanh(self) -> "Value":
        """y = tanh x; d/dx = 1 - y^2."""
        y = math.tanh(self.data)
        return self._function("tanh", y, 1 - y**2, "1 - {out}^2")

    def relu(self) -> "Value":
        """max(0, x); d/dx = 1 where x > 0, else 0."""
        passes = float(self.data > 0)
        return self._function("relu", max(0.0, self.data), passes, "1 if {a} > 0, else 0")

    def maximum(self, other: "Value | float") -> "Value":
        """The larger of two, of equals the first; the gradient goes to the winner."""
        b = _value(other)
        first = float(self.data >= b.data)
        return _gate(
            max(self.data, b.data),
            "max({a}, {b})",
            (self, first, "1 if {a} wins, else 0"),
            (b, 1 - first, "1 if {b} wins, else 0"),
        )

    def _function(self, name: str, data: float, local: float, rule: str) -> "Value":
        return _gate(data, f"{name}({{a}})", (self, local, rule))


def _gate(data: float, pattern: str, *edges: tuple[Value, float, str]) -> Value:
    return Value(data, pattern=pattern, edges=tuple(Edge(*edge) for edge in edges))


def _value(number: Value | float) -> Value:
    if isinstance(number, Value):
        return number
    return Value(float(number), written_number(number), constant=True)


def _undefined(expression: str) -> UsageError:
    return UsageError("usage-byhand-undefined", f"{expression} has no value or no derivative.")

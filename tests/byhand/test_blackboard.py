import math

import pytest
import torch
from hypothesis import strategies as st

from byhand.peers import given
from striate.byhand import Value, backpropagation
from striate.errors import UsageError

modest = st.floats(-3, 3).filter(lambda number: abs(number) > 0.05)


def test_the_blackboard_of_a_sum_times_a_number():
    x, y, z = Value(-2, "x"), Value(5, "y"), Value(-4, "z")
    q = (x + y).named("q")
    board = backpropagation((q * z).named("f"))
    assert board.gradients == {"x": -4, "y": -4, "q": -4, "z": 3, "f": 1}
    assert str(board).splitlines() == [
        "x = -2           df/dx = -4",
        "y = 5            df/dy = -4",
        "q = x + y = 3    df/dq = -4",
        "z = -4           df/dz = 3",
        "f = q * z = -12  df/df = 1",
    ]
    assert [str(step) for step in board.steps] == [
        "df/dq = z = -4;  df/dq += df/df * df/dq = 1 * -4 = -4",
        "df/dz = q = 3;  df/dz += df/df * df/dz = 1 * 3 = 3",
        "dq/dx = 1;  df/dx += df/dq * dq/dx = -4 * 1 = -4",
        "dq/dy = 1;  df/dy += df/dq * dq/dy = -4 * 1 = -4",
    ]


def test_a_neuron_with_a_sigmoid_as_in_the_lectures():
    """CS231n, "Backpropagation, Intuitions": w = (2, -3, -3), x = (-1, -2)."""
    w0, w1, w2 = Value(2, "w0"), Value(-3, "w1"), Value(-3, "w2")
    x0, x1 = Value(-1, "x0"), Value(-2, "x1")
    board = backpropagation((w0 * x0 + w1 * x1 + w2).sigmoid())
    assert board.nodes[-1].forward == pytest.approx(0.731, abs=5e-4)
    expected = {"w0": -0.197, "w1": -0.393, "w2": 0.197, "x0": 0.393, "x1": -0.590}
    for name, gradient in expected.items():
        assert board.gradients[name] == pytest.approx(gradient, abs=5e-4)
    assert [node.name for node in board.nodes if node.formula] == ["v1", "v2", "v3", "v4", "f"]
    assert board.nodes[-1].formula == "sigmoid(v4)"


def test_paths_that_meet_are_added_up():
    x = Value(3, "x")
    board = backpropagation(x * x + 2 * x)
    assert board.gradients["x"] == 8
    assert [(step.passed, step.gradient) for step in board.steps if step.source == "x"] == [
        (2, 2),
        (3, 5),
        (3, 8),
    ]
    assert "2" not in board.gradients  # a constant
    assert all(step.source != "2" for step in board.steps)


def test_the_output_alone():
    board = backpropagation(Value(7, "x"))
    assert (board.gradients, board.steps) == ({"x": 1}, ())


UNARY = {
    "exp": torch.exp,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "__neg__": torch.neg,
}


@pytest.mark.parametrize("name", UNARY)
@given(modest)
def test_functions_are_autograds(name, number):
    tensor = torch.tensor(number, dtype=torch.float64, requires_grad=True)
    UNARY[name](tensor).backward()
    board = backpropagation(getattr(Value(number, "x"), name)())
    assert board.gradients["x"] == pytest.approx(tensor.grad.item(), abs=1e-12)
    assert board.nodes[-1].forward == pytest.approx(UNARY[name](tensor).item(), abs=1e-12)


@given(modest, modest)
def test_arithmetic_is_autograds(a, b):
    def formula(x, y):
        return (1 - x) * y / (x - 2 * y - 20) + 3 / (y + 10) - x**3 + (x + 10) ** -0.5 - (-y) ** 2

    tensors = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (a, b)]
    theirs = formula(*tensors)
    theirs.backward()
    board = backpropagation(formula(Value(a, "x"), Value(b, "y")))
    assert board.nodes[-1].forward == pytest.approx(theirs.item(), abs=1e-10)
    assert board.gradients["x"] == pytest.approx(tensors[0].grad.item(), abs=1e-10)
    assert board.gradients["y"] == pytest.approx(tensors[1].grad.item(), abs=1e-10)


def test_log_and_maximum():
    x, y = Value(0.5, "x"), Value(2.0, "y")
    board = backpropagation(x.log().maximum(y) * 3)
    assert board.gradients["x"] == 0
    assert board.gradients["y"] == 3
    assert backpropagation(x.log()).gradients["x"] == 2
    tied = backpropagation(x.maximum(0.5))
    assert tied.gradients["x"] == 1


def test_local_derivatives_lie_on_the_edges():
    x, y = Value(6, "x"), Value(3, "y")
    board = backpropagation(x / y)
    node = board.nodes[-1]
    assert (node.sources, node.locals) == (("x", "y"), (1 / 3, -2 / 3))
    assert [step.rule for step in board.steps] == ["1 / y", "-x / y^2"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: x / 0, "2 / 0"),
        (lambda x: (x - 2).log(), r"log\(0\)"),
        (lambda x: (x - 2) ** -1, r"0 \^ -1"),
        (lambda x: (-x) ** 0.5, r"-2 \^ 0.5"),
    ],
)
def test_what_has_no_derivative_is_refused(make, words):
    with pytest.raises(UsageError, match=f"{words} has no value or no derivative") as error:
        make(Value(2, "x"))
    assert error.value.code == "usage-byhand-undefined"


def test_a_name_can_be_used_once():
    with pytest.raises(UsageError, match="two values are named 'x'") as error:
        backpropagation(Value(1, "x") + Value(2, "x"))
    assert error.value.code == "usage-byhand-name"


def test_numbered_names_step_around_given_ones():
    v1, f = Value(1, "v1"), Value(2, "f")
    board = backpropagation((v1 + f) * f)
    assert [node.name for node in board.nodes] == ["v1", "f", "v2", "v3"]


def test_long_chains_need_no_deep_recursion():
    value = Value(1, "x")
    for _ in range(5000):
        value = value + 0.5
    assert backpropagation(value).gradients["x"] == 1


def test_gradients_are_slopes():
    def formula(x, y):
        return ((x * y).tanh() + (x**2).log()).exp()

    at = {"x": 0.7, "y": -1.3}
    board = backpropagation(formula(*(Value(number, name) for name, number in at.items())))
    for name, number in at.items():
        low, high = ({**at, name: number + nudge} for nudge in (-1e-6, 1e-6))
        run = [formula(*map(Value, each.values())).data for each in (low, high)]
        assert board.gradients[name] == pytest.approx((run[1] - run[0]) / 2e-6, rel=1e-6)
    assert math.isfinite(board.nodes[-1].forward)

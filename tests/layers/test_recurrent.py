"""LSTM and GRU against their equations, step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.parity import check_parity, many_cases, shapes
from striate import layers


def gates(x, h, w):
    return (
        x @ w["cell.weight_ih_l0"].T + w["cell.bias_ih_l0"],
        h @ w["cell.weight_hh_l0"].T + w["cell.bias_hh_l0"],
    )


def lstm(x, w, units):
    h = c = x.new_zeros(len(x), units)
    for t in range(x.shape[2]):
        i, f, g, o = sum(gates(x[:, :, t], h, w)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        yield h


def gru(x, w, units):
    h = x.new_zeros(len(x), units)
    for t in range(x.shape[2]):
        (ri, zi, ni), (rh, zh, nh) = (each.chunk(3, dim=1) for each in gates(x[:, :, t], h, w))
        r, z = (ri + rh).sigmoid(), (zi + zh).sigmoid()
        h = (1 - z) * (ni + r * nh).tanh() + z * h
        yield h


@many_cases
@pytest.mark.parametrize(("kind", "equations"), [(layers.LSTM, lstm), (layers.GRU, gru)])
def test_recurrent_layers_are_their_equations(kind, equations, cases):
    @settings(max_examples=cases, deadline=None)
    @given(shapes(1), st.integers(1, 4), st.booleans())
    def check(shape, units, sequences):
        def by_hand(x, w):
            steps = torch.stack(list(equations(x, w, units)), dim=2)
            return steps if sequences else steps[:, :, -1]

        check_parity(kind(units, return_sequences=sequences), shape, by_hand)

    check()


def test_an_lstm_begins_by_remembering():
    cell = layers.build([layers.LSTM(3)], (5, 2))[0].cell
    assert (cell.bias_ih_l0 + cell.bias_hh_l0).tolist() == [0] * 3 + [1] * 3 + [0] * 6
    recurrent = cell.weight_hh_l0
    torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(3))


def test_sequences_go_through_a_stack():
    stack = [
        layers.Input((10, 3)),
        layers.Conv1D(4, 3, padding="same", activation="relu"),
        layers.GRU(5, return_sequences=True),
        layers.LSTM(6),
        layers.Dense(2),
    ]
    assert layers.infer(stack)[1:] == ((10, 4), (10, 5), (6,), (2,))
    assert layers.build(stack)(torch.randn(2, 3, 10)).shape == (2, 2)

"""Cells and chains of them, over numbers small enough to follow."""

import pytest
import torch
from torch import nn

from striate.nn import Cell, CellChain, CellPlan
from striate.nn.cell import PRESENT, PREVIOUS, SUM1, SUM2
from striate.nn.cell_operations import average, maximum, same


class Times(nn.Module):
    """x * factor, every `stride` pixels."""

    def __init__(self, factor, stride=1):
        super().__init__()
        self.factor, self.stride = factor, stride

    def forward(self, x):
        return x[..., :: self.stride, :: self.stride] * self.factor


def times(factor):
    return lambda in_channels, channels, stride: Times(factor, stride)


def steps(stride=1, **options):
    plan = CellPlan(
        stride,
        sums=((times(2), PRESENT, times(3), PREVIOUS), (same, SUM1, times(10), SUM1)),
        joined=(SUM2, SUM1),
    )
    return Cell(plan, nn.Identity(), nn.Identity(), 1, **options)


def image(value, size=4):
    return torch.full((2, 1, size, size), float(value))


def test_a_cell_adds_and_joins_as_planned():
    answer = steps()(image(1), image(100))
    assert answer.shape == (2, 2, 4, 4)
    assert answer[0, :, 0, 0].tolist() == [302 * 11, 302]


def test_only_what_reads_the_inputs_strides():
    assert steps(stride=2)(image(1), image(100)).shape == (2, 2, 2, 2)


def test_operations_learn_how_many_channels_they_read():
    seen = []

    def note(in_channels, channels, stride):
        seen.append((in_channels, channels, stride))
        return nn.Identity()

    plan = CellPlan(2, ((note, PRESENT, note, PREVIOUS), (note, SUM1, note, PREVIOUS)), (SUM2,))
    Cell(plan, nn.Identity(), nn.Identity(), 8, previous_channels=3)
    assert seen == [(8, 8, 2), (8, 8, 1), (3, 8, 2), (3, 8, 2)]  # left ones first


def first_sum(keeps_previous=False):
    """present + 10 * previous."""
    plan = CellPlan(1, ((same, PRESENT, times(10), PREVIOUS),), (SUM1,))
    return Cell(plan, nn.Identity(), nn.Identity(), 1, keeps_previous=keeps_previous)


def test_each_cell_of_a_chain_reads_the_two_outputs_before_it():
    cells = {"one": first_sum(), "two": first_sum(), "three": first_sum()}
    chain = CellChain(Times(1), cells, nn.ReLU())
    found = {name: maps[0, 0, 0, 0].item() for name, maps in chain.outputs(image(1))}
    assert found == {"stem": 1, "one": 11, "two": 21, "three": 131, "act": 131}
    assert torch.equal(chain(image(1)), image(131))


def test_a_cell_can_be_passed_over():
    cells = {"one": first_sum(), "two": first_sum(keeps_previous=True), "three": first_sum()}
    found = dict(CellChain(Times(1), cells, nn.ReLU()).outputs(image(1)))
    assert found["two"][0, 0, 0, 0] == 11 + 10 * 1
    assert found["three"][0, 0, 0, 0] == 21 + 10 * 1  # not 10 * 11: "two" was given no successor


def test_paths_are_dropped_while_training_but_never_the_input_itself():
    torch.manual_seed(0)
    plan = CellPlan(1, ((same, PRESENT, times(10), PREVIOUS),), (SUM1,))
    cell = Cell(plan, nn.Identity(), nn.Identity(), 1, drop_path=0.5)
    images = torch.ones(200, 1, 1, 1)
    answers = cell(images, images).flatten()
    assert set(answers.tolist()) == {1, 21}  # 10 is dropped, or doubled
    assert 60 < (answers == 1).sum() < 140
    assert set(cell.eval()(images, images).flatten().tolist()) == {11}


@pytest.mark.parametrize("size", [4, 5])
def test_pools_at_stride_2_count_the_zeros_of_the_border(size):
    below = image(-9, size)
    means, largest = average(1, 1, 2)(below), maximum(1, 1, 2)(below)
    assert means.shape == largest.shape == (2, 1, -(-size // 2), -(-size // 2))
    corner = (0, 0, -1, -1)  # four of its nine pixels lie in the map, whatever the size
    assert means[corner] == -4
    assert largest[corner] == 0
    assert average(1, 1, 1)(below)[corner] == -9

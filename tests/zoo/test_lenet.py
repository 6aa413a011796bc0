"""LeNet-5 as published: nobody has it, so weights and connections layer by layer."""

from itertools import combinations

import pytest
import torch

from striate import zoo
from zoo.parity import count

TRAINABLE = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
CONNECTIONS = {
    "c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164,
    "output": 840,
}  # fmt: skip
SIZES = {"c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5)}
SIZES |= {"c5": (120, 1, 1), "f6": (84,), "output": (10,)}


@pytest.fixture
def lenet():
    torch.manual_seed(0)
    return zoo.create("lenet5_1998")


def layers(network):
    """Those with a name of the paper's, in order, and what each gives for one image."""
    x, found = torch.zeros(1, 1, 32, 32), {}
    for half in (network.features, network.head):
        for name, part in half.named_children():
            x = part(x)
            found[name] = part, tuple(x.shape[1:])
    return {name: found[name] for name in SIZES}


def test_sizes_of_figure_2(lenet):
    assert {name: size for name, (_, size) in layers(lenet).items()} == SIZES


def test_trainable_weights_of_section_ii_b(lenet):
    parts = layers(lenet)
    assert {name: count(parts[name][0]) for name in TRAINABLE} == TRAINABLE
    assert sum(TRAINABLE.values()) == count(lenet) == 60_000


def test_connections_of_section_ii_b(lenet):
    """A unit of a convolution has its filter's weights and a bias; one of sub-sampling 4 and 1."""
    found = {}
    for name, (part, size) in layers(lenet).items():
        positions = torch.Size(size[1:]).numel()
        if name in ("s2", "s4"):
            found[name] = size[0] * positions * 5
        elif name == "output":
            found[name] = part.prototypes.numel()
        else:
            found[name] = count(part) * positions
    assert found == CONNECTIONS
    assert sum(found.values()) == 340_908


def test_c3_sees_the_maps_of_table_i(lenet):
    """Six maps see three in a row, six four in a row, three two and two, and one sees all."""
    seen = []
    for branch in lenet.features.c3.branches:
        x = torch.zeros(6, 6, 5, 5)
        x[range(6), range(6)] = 1.0  # image i shows map i alone
        answers = branch(x).flatten()
        bias = branch(torch.zeros(1, 6, 5, 5)).item()
        seen.append({i for i in range(6) if abs(answers[i] - bias) > 1e-6})
    assert seen[:6] == [{i, (i + 1) % 6, (i + 2) % 6} for i in range(6)]
    assert seen[6:12] == [{i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6} for i in range(6)]
    assert seen[12:] == [{0, 1, 3, 4}, {1, 2, 4, 5}, {0, 2, 3, 5}, {0, 1, 2, 3, 4, 5}]


def test_sub_sampling_adds_four_pixels(lenet):
    s2 = lenet.features.s2
    x = torch.randn(1, 6, 4, 6)
    sums = x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
    torch.testing.assert_close(s2(x), s2.coefficient * sums + s2.bias)


def test_units_are_squashed(lenet):
    squash = lenet.features.act1
    one = torch.tensor([1.0, -1.0, 1e9, 0.0])
    torch.testing.assert_close(
        squash(one), torch.tensor([1.0, -1.0, 1.7159, 0.0]), atol=1e-4, rtol=0
    )


def test_logits_are_minus_the_distance_to_the_bitmaps(lenet):
    output = lenet.head.output
    assert output.prototypes.shape == (10, 84)
    assert set(output.prototypes.unique().tolist()) == {-1.0, 1.0}
    answers = output(output.prototypes)
    assert torch.equal(answers.diagonal(), torch.zeros(10))
    differing = (output.prototypes[3] != output.prototypes[8]).sum()
    assert answers[3, 8] == -4 * differing
    assert not [*output.parameters()]


def test_bitmaps_look_like_digits(lenet):
    """7 × 12 pixels each, all different, and 3 and 8 nearer than 1 and 0 are."""
    bitmaps = lenet.head.output.prototypes
    apart = {(a, b): int((bitmaps[a] != bitmaps[b]).sum()) for a, b in combinations(range(10), 2)}
    assert min(apart.values()) >= 5
    assert apart[3, 8] < apart[0, 1]
    seven = bitmaps[7].reshape(12, 7)
    assert (seven[1] == 1).all()
    assert seven[10].tolist() == [-1, -1, 1, 1, -1, -1, -1]


def test_other_classes_have_prototypes_by_lot_but_always_the_same():
    one, other = (zoo.create("lenet5_1998", classes=7).head.output.prototypes for _ in range(2))
    assert torch.equal(one, other)
    assert len(one.unique(dim=0)) == 7
    assert set(one.unique().tolist()) == {-1.0, 1.0}


def test_weights_begin_within_2_4_by_the_inputs_of_a_unit(lenet):
    for part, inputs in [(lenet.features.c1, 25), (lenet.head.c5, 400), (lenet.head.f6, 120)]:
        reach = part.weight.abs().max().item()
        assert 0.9 * 2.4 / inputs < reach <= 2.4 / inputs


@pytest.mark.parametrize(
    ("size", "s4"), [((16, 16), (1, 1)), ((28, 28), (4, 4)), ((32, 40), (5, 7))]
)
def test_c5_sees_the_whole_of_s4(size, s4):
    network = zoo.create("lenet5_1998", image_size=size)
    assert network.head.c5.kernel_size == s4
    assert network(torch.zeros(2, 1, *size)).shape == (2, 10)

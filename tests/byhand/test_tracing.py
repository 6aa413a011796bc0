import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from byhand.peers import agree, draw_numbers, given, moves, seeds
from striate import layers
from striate.byhand import ACTIVATIONS, AveragePool, Conv, Dense, MaxPool, trace
from striate.errors import ShapeError, UnknownName, UsageError

RAMP = np.arange(1.0, 10).reshape(3, 3)


def assembled(steps, shape):
    """The outputs that a trace gives, put back in place; every place once."""
    out = np.full(shape, np.nan)
    for step in steps:
        assert np.isnan(out[step.place])
        if step.activation != "softmax":  # which takes all sums
            agree(ACTIVATIONS[step.activation].forward(step.total), step.output)
        out[step.place] = step.output
    return out


def built(layer, shape):
    """The torch modules of a description for (height, width, channels), as one network."""
    torch.manual_seed(0)
    network = layers.build([layers.Input(shape), layer]).double()
    weights = [module for module in network if hasattr(module, "weight")]
    if not weights:
        return network, {}
    (module,) = weights
    torch.nn.init.normal_(module.bias)
    return network, {"weights": module.weight, "bias": module.bias}


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3),
        layers.Conv2D(4, (3, 2), (2, 1), padding="same", activation="relu"),
        layers.Conv2D(4, 2, 2, padding=1, groups=2, activation="tanh"),
        layers.Conv2D(2, 2, padding="same", dilation_rate=(1, 3), activation="softmax"),
        layers.MaxPooling2D(2),
        layers.MaxPooling2D((3, 2), (1, 2), padding="same"),
        layers.AveragePooling2D(2),
        layers.AveragePooling2D(3, 2, padding="same"),
        layers.AveragePooling2D(2, padding=1),
    ],
    ids=repr,
)
def test_descriptions_are_traced_as_the_networks_compute_them(layer):
    (x,) = draw_numbers(0, (4, 6, 5))
    network, weights = built(layer, (6, 5, 4))
    theirs = network(torch.from_numpy(x)[None])[0].detach()
    steps = list(trace(layer, x, **weights))
    agree(assembled(steps, theirs.shape), theirs)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv1D(3, 2, 2, padding="same", dilation_rate=1, activation="elu"), (7, 4)),
        (layers.Conv3D(2, (1, 2, 3), padding=(0, 1, 1)), (2, 3, 4, 2)),
        (layers.MaxPooling1D(3, 2), (8, 2)),
        (layers.AveragePooling3D((1, 2, 2)), (2, 4, 5, 2)),
        (layers.GlobalMaxPooling2D(), (3, 4, 2)),
    ],
    ids=repr,
)
def test_signals_and_volumes(layer, shape):
    (x,) = draw_numbers(0, (shape[-1], *shape[:-1]))
    network, weights = built(layer, shape)
    theirs = network(torch.from_numpy(x)[None])[0].detach().numpy()
    steps = list(trace(layer, x, **weights))
    theirs = theirs.reshape(theirs.shape + (1,) * (len(steps[0].place) - theirs.ndim))
    agree(assembled(steps, theirs.shape), theirs)


@pytest.mark.parametrize("activation", [None, "sigmoid", "softmax"])
def test_dense_descriptions(activation):
    layer = layers.Dense(3, activation=activation)
    (x,) = draw_numbers(0, 5)
    network, weights = built(layer, (5,))
    theirs = network(torch.from_numpy(x)[None])[0].detach()
    agree(assembled(trace(layer, x, **weights), (3,)), theirs)


@given(moves(max_axes=3), seeds, st.integers(1, 2), st.integers(1, 2))
def test_own_layers_are_traced_as_they_compute(case, seed, groups, into):
    x, weights, bias = draw_numbers(
        seed, (groups * into, *case.size), (groups * 2, into, *case.kernel), groups * 2
    )
    layer = Conv(weights, bias, case.padding, case.stride, case.dilation, groups)
    theirs = layer.forward(x[None])[0]
    steps = list(trace(layer, x))
    agree(assembled(steps, theirs.shape), theirs)
    for step in steps[:5]:
        values = [term.value for term in step.terms]
        agree(step.window.reshape(-1), values)
        for term in step.terms:
            assert term.inside == all(
                0 <= at < n for at, n in zip(term.pixel, x.shape, strict=True)
            )
            assert term.value == (x[term.pixel] if term.inside else 0)


@given(moves(max_axes=2, pooling=True), seeds, st.sampled_from([MaxPool, AveragePool]))
def test_own_pools(case, seed, kind):
    (x,) = draw_numbers(seed, (2, *case.size))
    layer = kind(case.kernel, case.stride, case.padding)
    theirs = layer.forward(x[None])[0]
    agree(assembled(trace(layer, x), theirs.shape), theirs)
    agree(assembled(trace(layer, x[0]), theirs[0].shape), theirs[0])


def written(layer, x, at=None, **weights):
    return [str(step) for step in trace(layer, x, at, **weights)]


def test_the_text_of_each_kind():
    assert written([[1, 0], [0, -0.5]], RAMP, (1, 1)) == ["(1, 1): 5*1 + 6*0 + 8*0 + 9*-0.5 = 0.5"]
    assert written([3, 4, 5], [1, 0, 2, 7]) == [
        "(0,): 1*3 + 0*4 + 2*5 = 13",
        "(1,): 0*3 + 2*4 + 7*5 = 43",
    ]
    assert written(MaxPool(2), RAMP) == ["(0, 0): max(1, 2, 4, 5) = 5"]
    assert written(AveragePool(2), RAMP[None]) == ["(0, 0, 0): (1 + 2 + 4 + 5) / 4 = 3"]
    assert written(AveragePool(2, padding="same"), RAMP, (1, 1)) == ["(1, 1): (9) / 1 = 9"]
    assert written(Dense(np.array([[1.0, 2]]), np.array([-7.0])), [3, 4]) == [
        "(0,): 3*1 + 4*2 + -7 = 4"
    ]
    negative = layers.Dense(1, activation="relu")
    assert written(negative, [3, 4], weights=[[1, -2]]) == ["(0,): 3*1 + 4*-2 = -5; relu gives 0"]


def test_the_bias_stays_when_zeros_are_left_out():
    layer = Conv(np.array([1.0, 0, 2]), np.array([0.25]))
    (step,) = trace(layer, [0, 5, 3])
    assert step.expression == "0*1 + 5*0 + 3*2 + 0.25"
    assert step.nonzero == "3*2 + 0.25"
    assert step.total == 6.25


def test_a_border_is_marked_and_pools_leave_it_out():
    corner = next(trace(Conv(np.ones((3, 3)), padding="same"), RAMP))
    assert [term.inside for term in corner.terms] == [False] * 4 + [True, True, False, True, True]
    assert corner.terms[0].pixel == (-1, -1)
    (last,) = trace(MaxPool(2, padding="same"), RAMP, at=(1, 1))
    assert [term.pixel for term in last.terms] == [(2, 2)]
    np.testing.assert_array_equal(last.window, [[9, np.nan], [np.nan, np.nan]])


def test_global_pooling_looks_at_everything():
    (first, second) = trace(layers.GlobalAveragePooling2D(), np.stack([RAMP, -RAMP]))
    assert (first.output, second.output) == (5, -5)
    assert len(first.terms) == 9


def test_one_channel_may_be_left_out_of_x():
    steps = list(trace(layers.Conv2D(2, 3), RAMP, weights=np.ones((2, 1, 3, 3))))
    assert [(step.place, step.total) for step in steps] == [((0, 0, 0), 45), ((1, 0, 0), 45)]


@pytest.mark.parametrize("at", [(3, 0), (0, -1), (0,), (0, 0, 0)])
def test_places_that_are_none(at):
    with pytest.raises(UsageError, match=r"output has shape \[2, 2\], got at=") as error:
        trace(np.ones((2, 2)), RAMP, at)
    assert error.value.code == "usage-byhand-place"


def test_descriptions_need_weights_that_fit():
    with pytest.raises(UsageError, match="a description such as Conv2D holds no weights") as error:
        trace(layers.Conv2D(2, 3), RAMP)
    assert error.value.code == "usage-byhand-weights"
    with pytest.raises(
        ShapeError, match=r"shape \[2, channels / groups, 3, 3\], got \[3, 3, 1, 2\]"
    ):
        trace(layers.Conv2D(2, 3), RAMP, weights=np.ones((3, 3, 1, 2)))
    with pytest.raises(ShapeError, match=r"shape \[2, features\], got \[2\]") as error:
        trace(layers.Dense(2), [1, 2], weights=[1, 2])
    assert error.value.code == "shape-byhand-weights"
    with pytest.raises(UsageError, match="use_bias=False"):
        trace(layers.Dense(1, use_bias=False), [1], weights=[[1]], bias=[1])


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (np.ones((2, 2)), np.ones(3)),
        (np.ones((2, 2)), np.ones((1, 3, 3))),
        (Conv(np.ones((1, 1, 2, 2))), np.ones((1, 1, 3, 3))),
        (MaxPool(2), np.ones((1, 1, 3, 3))),
        (Dense(np.ones((1, 2))), np.ones((1, 2))),
    ],
)
def test_inputs_with_other_axes_are_refused(layer, x):
    with pytest.raises(ShapeError, match="one input at a time") as error:
        trace(layer, x)
    assert error.value.code == "shape-byhand-axes"


def test_other_layers_are_refused_by_name():
    with pytest.raises(UsageError, match="got Dropout") as error:
        trace(layers.Dropout(0.5), RAMP)
    assert error.value.code == "usage-byhand-layer"


def test_an_activation_that_is_not_done_by_hand():
    class Conv2D:
        filters, kernel_size, strides, padding, dilation_rate, groups = 1, 2, 1, "valid", 1, 1
        use_bias, final_activation = True, "wavy"

    with pytest.raises(UnknownName, match="'wavy'"):
        trace(Conv2D(), RAMP, weights=np.ones((1, 1, 2, 2)))

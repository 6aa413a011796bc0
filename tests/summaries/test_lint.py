"""Advice on what wastes pixels or weights; the texts name the layer and the smallest fix."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from striate import layers, zoo
from striate.errors import ShapeError
from striate.summaries import summary


def advised(network, shape, **options):
    """Code, layer and whole text of each piece of advice."""
    return [(a.code, a.layer, str(a)) for a in summary(network, shape, **options).warnings]


def narrow(*tail):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), *tail
    )


def head():
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)


def test_a_field_smaller_than_the_image_tells_how_many_layers_are_missing():
    ((code, layer, text),) = advised(narrow(*head()), (15, 15, 1))
    assert (code, layer) == ("summary-narrow-field", "2")
    assert text == (
        "2: each of its outputs sees 7×7 of the image of 15×15 pixels. Add 2 layers of 3×3 after "
        "it (each sees 4 pixels more), or a stride or pooling before it."
    )
    mended = nn.Sequential(
        *narrow(), nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), *head()
    )
    assert advised(mended, (15, 15, 1)) == []


class Pooled(nn.Module):
    """A mean or the largest, in functional code."""

    def __init__(self, code):
        super().__init__()
        self.features, self.code, self.last = narrow(), code, nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.code(self.features(x)).flatten(1))


@pytest.mark.parametrize(
    "code",
    [
        lambda x: x.mean((2, 3)),
        lambda x: x.sum((2, 3)),
        lambda x: x.amax((2, 3)),
        lambda x: F.avg_pool2d(x, 8),
        lambda x: F.max_pool2d(x, 8),
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: F.adaptive_max_pool2d(x, 1),
    ],
    ids=["mean", "sum", "amax", "avg_pool", "max_pool", "adaptive_avg", "adaptive_max"],
)
def test_no_mean_or_largest_puts_the_parts_together(code):
    ((code, layer, _),) = advised(Pooled(code), (15, 15, 1))
    assert (code, layer) == ("summary-narrow-field", "features.2")


def test_a_field_smaller_than_an_object():
    assert advised(narrow(*head()), (15, 15, 1), object_size=7) == []
    ((code, _, text),) = advised(narrow(), (15, 15, 1), object_size=(7, 12))
    assert code == "summary-narrow-field"
    assert "7×7 of an object of 7×12 pixels. Add 2 layers" in text


@pytest.mark.parametrize(
    "network",
    [
        narrow(),  # a map may be asked for details
        narrow(nn.Flatten(), nn.Linear(4 * 64, 2)),  # a dense layer puts the parts together
        nn.Sequential(nn.Conv2d(1, 4, 15), *head()),
    ],
)
def test_no_advice_where_the_parts_are_put_together(network):
    codes = [code for code, _, _ in advised(network, (15, 15, 1))]
    assert "summary-narrow-field" not in codes


def test_resnet18_at_448_and_a_squeezed_network():
    network = zoo.create("resnet18", classes=10)
    codes = [code for code, _, _ in advised(network, (448, 448, 3))]
    assert codes == ["summary-narrow-field"]  # 435
    assert advised(network, (416, 416, 3)) == []


def test_a_dense_layer_that_holds_most_of_the_weights():
    stack = [layers.Conv2D(32, 3, activation="relu"), layers.Flatten(), layers.Dropout(0.5)]
    network = [*stack, layers.Dense(64, "relu"), layers.Dense(10)]
    ((code, layer, text),) = advised(network, (30, 30, 1))
    assert (code, layer) == ("summary-heavy-dense", "dense_1")
    assert text == (
        "dense_1: it holds 1,605,696 of the 1,606,666 weights, one for each pixel and channel of "
        "28×28×32 and each of 64 outputs. GlobalAveragePooling2D in place of Flatten leaves 2,048."
    )
    assert advised([*stack, layers.Dense(10)], (8, 8, 1)) == []  # most, but few


@pytest.mark.parametrize(
    ("tail", "heavy"),
    [
        ([layers.Dense(100)], True),  # 100,100 weights
        ([layers.Dense(99)], False),  # 99,099: not many
        ([layers.Dense(200), layers.Dense(900)], True),  # 200,200 of 381,100
        ([layers.Dense(200), layers.Dense(1000)], False),  # 200,200 of 401,200: not most
        ([layers.Activation("relu"), layers.Dense(100)], True),  # still one for each pixel
        ([layers.Dense(20), layers.Dense(8000)], False),  # no map before it
    ],
    ids=["many", "few", "most", "not half", "after a function", "after a vector"],
)
def test_when_a_dense_layer_is_heavy(tail, heavy):
    codes = [code for code, _, _ in advised([layers.Flatten(), *tail], (10, 10, 10))]
    assert codes == ["summary-heavy-dense"] * heavy


def test_a_map_that_was_pooled_to_one_pixel():
    network = nn.Sequential(nn.MaxPool2d(4), nn.Conv2d(1, 2, 3, padding=1))
    ((code, layer, text),) = advised(network, (4, 4, 1))
    assert (code, layer) == ("summary-map-used-up", "1")
    assert "all but that one fall on padding" in text
    assert advised(nn.Sequential(nn.MaxPool2d(4), nn.Conv2d(1, 2, 1)), (4, 4, 1)) == []
    assert advised(network[1], (2, 2, 1)) == []  # a few pixels are enough to see something


def test_pooling_below_one_pixel_is_an_error():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(4), nn.MaxPool2d(2))
    with pytest.raises(ShapeError, match=r"'2' \(MaxPool2d\) says: nothing is left") as caught:
        summary(network, (8, 8, 1))
    assert caught.value.code == "summary-pooled-away"
    with pytest.raises(ShapeError, match=r"max_pooling2d_2\): a pool_size of 2×2 does not fit"):
        summary([layers.MaxPooling2D(8), layers.MaxPooling2D(2)], (8, 8, 1))


@pytest.mark.parametrize(
    ("last", "name"),
    [(nn.Softmax(1), "softmax"), (nn.LogSoftmax(1), "log-softmax"), (nn.Sigmoid(), "sigmoid")],
)
def test_softmax_before_a_loss_that_expects_logits(last, name):
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), last)
    ((code, layer, text),) = advised(network, (2, 2, 1))
    assert (code, layer) == ("summary-softmax-twice", "2")
    assert f"ends in a {name}, and a loss that expects logits" in text
    assert text.endswith(f"Leave the {name} out; Model.predict gives probabilities.")
    assert advised(network, (2, 2, 1), loss_takes="probabilities") == []
    assert advised(network[:2], (2, 2, 1)) == []


def test_a_map_that_ends_in_softmax_may_be_a_gate():
    assert advised(nn.Sequential(nn.Conv2d(1, 3, 1), nn.Softmax(1)), (4, 4, 1)) == []


def test_descriptions_may_end_in_softmax():
    stack = [layers.Flatten(), layers.Dense(3, "softmax")]
    assert advised(stack, (2, 2, 1)) == []
    (found,) = advised(stack, (2, 2, 1), loss_takes="logits")
    assert found[:2] == ("summary-softmax-twice", "dense_1_softmax")


def test_a_bias_in_a_dense_layer_before_normalisation():
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())
    ((code, layer, _),) = advised(network, (4,))
    assert (code, layer) == ("summary-bias-before-norm", "0")


def test_reading_elsewhere_counts():
    """A strided shortcut skips pixels that its branch reads."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(1, 1, 1, 2), nn.Conv2d(1, 1, 3, 2, 1)

        def forward(self, x):
            return self.one(x) + self.two(x)

    assert advised(Two(), (9, 9, 1)) == []
    only = nn.Sequential(nn.Conv2d(1, 1, 1, 2))
    assert "4 rows and 4 columns" in advised(only, (9, 9, 1))[0][2]
    with torch.device("meta"):
        signal = nn.Sequential(nn.Conv1d(1, 1, 3, 2))
    assert "1 step of its input of 8 steps" in advised(signal, (8, 1))[0][2]

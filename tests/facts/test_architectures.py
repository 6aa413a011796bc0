"""The famous sizes of famous networks, described in layers and counted by the summary.

That a description is the published network is told by its number of weights.
"""

import pytest
import torch

from striate import layers
from striate.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Branches,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from striate.summaries import summary

IMAGE = (224, 224, 3)


def alexnet() -> list[layers.Layer]:
    """The variant of one column: Krizhevsky 2014, arXiv:1404.5997, section 5."""
    return [
        Conv2D(64, 11, 4, 2, activation="relu"),
        MaxPooling2D(3, 2),
        Conv2D(192, 5, padding=2, activation="relu"),
        MaxPooling2D(3, 2),
        Conv2D(384, 3, padding=1, activation="relu"),
        Conv2D(256, 3, padding=1, activation="relu"),
        Conv2D(256, 3, padding=1, activation="relu"),
        MaxPooling2D(3, 2),
        Flatten(),
        Dropout(0.5),
        Dense(4096, "relu", name="fc6"),
        Dropout(0.5),
        Dense(4096, "relu", name="fc7"),
        Dense(1000, name="fc8"),
    ]


def inception(one: int, three: tuple[int, int], five: tuple[int, int], pool: int) -> Branches:
    """Four branches: 1×1; 1×1 and 3×3; 1×1 and 5×5; pooling and 1×1; biases throughout."""
    return Branches(
        [
            Conv2D(one, 1, activation="relu"),
            [Conv2D(three[0], 1, activation="relu"), Conv2D(three[1], 3, 1, "same")],
            [Conv2D(five[0], 1, activation="relu"), Conv2D(five[1], 5, 1, "same")],
            [MaxPooling2D(3, 1, "same"), Conv2D(pool, 1, activation="relu")],
        ]
    )


def googlenet() -> list[layers.Layer]:
    """Szegedy et al. 2015, arXiv:1409.4842, table 1, without the helpers at its sides."""
    return [
        Conv2D(64, 7, 2, "same", activation="relu"),
        MaxPooling2D(3, 2, "same"),
        Conv2D(64, 1, activation="relu"),
        Conv2D(192, 3, padding="same", activation="relu"),
        MaxPooling2D(3, 2, "same"),
        inception(64, (96, 128), (16, 32), 32),
        inception(128, (128, 192), (32, 96), 64),
        MaxPooling2D(3, 2, "same"),
        inception(192, (96, 208), (16, 48), 64),
        inception(160, (112, 224), (24, 64), 64),
        inception(128, (128, 256), (24, 64), 64),
        inception(112, (144, 288), (32, 64), 64),
        inception(256, (160, 320), (32, 128), 128),
        MaxPooling2D(3, 2, "same"),
        inception(256, (160, 320), (32, 128), 128),
        inception(384, (192, 384), (48, 128), 128),
        GlobalAveragePooling2D(name="pooled"),
        Dropout(0.4),
        Dense(1000),
    ]


def dense_layer() -> Branches:
    """What comes in, and 32 new channels beside it."""
    narrow, wide = Conv2D(128, 1, use_bias=False), Conv2D(32, 3, 1, "same", use_bias=False)
    norm, relu = BatchNormalization(), Activation("relu")
    return Branches([[], [norm, relu, narrow, norm, relu, wide]])


def densenet121() -> list[layers.Layer]:
    """Huang et al. 2017, arXiv:1608.06993, table 1."""
    stack = [
        Conv2D(64, 7, 2, 3, use_bias=False),
        BatchNormalization(),
        Activation("relu"),
        MaxPooling2D(3, 2, 1),
    ]
    for block, (times, channels) in enumerate([(6, 128), (12, 256), (24, 512), (16, None)]):
        stack += [dense_layer() for _ in range(times)]
        stack += [BatchNormalization(), Activation("relu")]
        if channels:
            halved = Conv2D(channels, 1, use_bias=False, name=f"transition_{block + 1}")
            stack += [halved, AveragePooling2D(2)]
    return [*stack, GlobalAveragePooling2D(), Dense(1000)]


@pytest.mark.parametrize(
    ("describe", "weights", "filters"),
    [
        (alexnet, 61_100_840, (64, 3, 11, 11)),
        (densenet121, 7_978_856, (64, 3, 7, 7)),
        (googlenet, 6_998_552, (64, 3, 7, 7)),
    ],
)
def test_first_layer_filters(describe, weights, filters):
    first, *_ = described = describe()
    assert layers.build([first], IMAGE)[0].weight.shape == filters  # [filters, channels, F, F]
    found = summary(described, IMAGE)
    assert found.weights == weights
    assert found.rows[0].weights == torch.Size(filters).numel() + 64 * first.use_bias
    assert found.rows[0].receptive_field == filters[2:]
    assert found.output_shape == (1000,)


def test_alexnets_fc6_and_fc7_give_4096_values():
    found = summary(alexnet(), IMAGE)
    assert found["flatten_1"].output_shape == (6 * 6 * 256,)
    assert found["fc6"].output_shape == found["fc7"].output_shape == (4096,)
    assert found["fc6"].weights == 9216 * 4096 + 4096
    assert found["fc7"].weights == 4096 * 4096 + 4096


def test_googlenets_last_pooled_features_are_1024():
    found = summary(googlenet(), IMAGE)
    assert found.rows[0].output_shape == (112, 112, 64)
    pooled = [number for number, row in enumerate(found.rows) if row.name.startswith("pooled")]
    assert [found.rows[number].output_shape for number in pooled] == [(1, 1, 1024), (1024,)]
    assert found.rows[pooled[0] - 1].output_shape[:2] == (7, 7)
    assert found.multiply_adds == pytest.approx(1.58e9, rel=0.01)

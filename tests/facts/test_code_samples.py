"""The code samples of the field run exactly as they are written, but for their import lines."""

import numpy as np
import pytest
import torch

from striate import Sequential, layers, losses
from striate.layers import Conv2D


@pytest.fixture
def tables() -> tuple[np.ndarray, ...]:
    """Rows of four numbers in three classes, which one of the numbers tells; one-hot labels."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 96)
    rows = draw.normal(0, 0.3, (96, 4)) + 2 * np.eye(4)[labels]
    return rows[:64], np.eye(3)[labels[:64]], rows[64:], np.eye(3)[labels[64:]]


def test_a_dense_network_in_eight_lines(tables, capfd):
    torch.manual_seed(0)
    x_train, y_train, x_val, y_val = tables
    model = Sequential()
    model.add(layers.Dense(3, activation="relu"))
    model.add(layers.Dense(2, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(optimizer="adam", loss=losses.CategoricalCrossentropy())
    history = model.fit(x_train, y_train, batch_size=32, epochs=100, validation_data=(x_val, y_val))
    assert len(history.history["val_loss"]) == 100
    assert 0 < history.history["loss"][-1] < history.history["loss"][0]
    p = model.predict(x_val)
    assert p.sum(axis=1) == pytest.approx(1)
    own = -np.log((p * y_val).sum(axis=1)).mean()  # what the loss says of them
    assert history.history["val_loss"][-1] == pytest.approx(own, rel=1e-5)
    assert history.history["val_loss"][-1] < history.history["val_loss"][0]


def test_convolution_and_pooling_added_to_a_model():
    model = Sequential([layers.Input((28, 28, 1))])
    model.add(Conv2D(32, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    assert model.summary().output_shape == (14, 14, 32)
    assert layers.infer(model.layers)[1:] == ((28, 28, 32), (14, 14, 32))
    assert model.network(torch.randn(2, 1, 28, 28)).amin() == 0  # the ReLU cut some


def stripes(count: int, seed: int, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Grey images [count, size, size, 1] of bars, each in a place of its own: 0 upright, 1 flat."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = np.zeros((count, size, size, 1))
    for image, flat in zip(images, labels, strict=True):
        for at in 2 * draw.choice(
            size // 2, 2, replace=False
        ):  # apart: side by side they make blocks
            image[at, :, 0] = 1
        if not flat:
            image[:] = image.transpose(1, 0, 2)
    return images + draw.normal(0, 0.05, images.shape), labels


def test_the_edge_lover_tells_upright_from_flat_stripes():
    """5x5 same linear convolution, the largest response of each map, two outputs: 100 %."""
    x_train, y_train = stripes(128, seed=0)
    x_test, y_test = stripes(200, seed=1)
    model = Sequential()
    model.add(layers.Input((16, 16, 1)))
    model.add(layers.Conv2D(2, (5, 5), padding="same"))
    model.add(layers.MaxPooling2D((16, 16)))
    model.add(layers.Flatten())
    model.add(layers.Dense(2, activation="softmax"))
    model.compile(optimizer="adam", loss="categorical_crossentropy", learning_rate=0.02)
    model.fit(x_train, y_train, epochs=60, verbose=False)
    assert model.evaluate(x_test, y_test)["accuracy"].value == 1.0

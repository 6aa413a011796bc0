"""Code in the spelling of Keras 1 runs as it was written, but for its import lines."""

import numpy as np
import torch

import striate as st
from striate import Sequential
from striate.layers import Activation, Convolution2D, Dense, Dropout, Flatten, MaxPooling2D

nb_filters, nb_conv, nb_pool, nb_classes = 8, 3, 2, 2
img_rows, img_cols = 12, 10


def as_written():
    model = Sequential()
    model.add(
        Convolution2D(
            nb_filters, nb_conv, nb_conv, border_mode="valid", input_shape=(1, img_rows, img_cols)
        )
    )
    model.add(Activation("relu"))
    model.add(Convolution2D(nb_filters, nb_conv, nb_conv))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(nb_pool, nb_pool)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128))
    model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(nb_classes))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
    return model


def stripes(n):
    """Vertical or horizontal ones, as one-hot rows and images [N, 1, rows, columns]."""
    kinds = np.arange(n) % 2
    rows, columns = np.mgrid[:img_rows, :img_cols]
    images = np.stack([(columns if kind else rows) % 4 < 2 for kind in kinds])
    noise = np.random.default_rng(0).normal(0, 0.2, images.shape)
    return torch.from_numpy(images + noise).float()[:, None], np.eye(2)[kinds]


def test_the_keras_1_sample_runs_and_learns():
    torch.manual_seed(0)
    model = as_written()
    x, y = stripes(64)
    assert model.input_shape == (img_rows, img_cols, 1)
    history = model.fit(x, y, batch_size=16, epochs=12, verbose=False)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert model.evaluate(x, y)["accuracy"].value == 1
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1)


def test_it_is_the_same_as_in_todays_spelling():
    layers = st.layers
    old = Convolution2D(
        6, 5, 3, "he_normal", "relu", border_mode="same", subsample=(2, 1), W_regularizer="l2"
    )
    assert old == layers.Conv2D(
        6,
        (5, 3),
        (2, 1),
        "same",
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=layers.L2(0.01),
    )
    shapes = layers.infer(as_written().layers)
    assert shapes[0] == (10, 8, 8)
    assert shapes[4] == (4, 3, 8)
    assert shapes[6] == (96,)

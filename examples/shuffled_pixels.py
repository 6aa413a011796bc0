"""Shuffle the pixels of all pictures in the same way: who notices?

To a dense network pixels are numbers without a place: it learns the shuffled digits as well as the
others. A convolutional network counts on neighbours, and loses accuracy when they are gone.
"""

import numpy as np
import torch
from common import (
    BLUE,
    ORANGE,
    QUIET,
    digits,
    figure,
    output_path,
    percent,
    plain,
    save,
    show,
    split,
)

import striate as st
from striate import layers

SEEDS = range(4)  # trainings that are averaged


def dense() -> list[layers.Layer]:
    return [
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]


def convolutional() -> list[layers.Layer]:
    return [
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(48, 3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]


def accuracy(described: list[layers.Layer], x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """On pictures that were not trained on."""
    x_train, x_test, y_train, y_test = split(x, y, seed=seed)
    torch.manual_seed(seed)
    model = st.Sequential(described)
    model.compile(optimizer="adam", loss="categorical_crossentropy", learning_rate=3e-3)
    model.fit(x_train, y_train, batch_size=64, epochs=30, seed=seed, verbose=False)
    return model.evaluate(x_test, y_test)["accuracy"].value


def main() -> None:
    path = output_path(__doc__, "shuffled_pixels")
    x, y = digits()
    order = np.random.default_rng(0).permutation(64)  # one order, the same for all pictures
    shuffled = x.reshape(-1, 64)[:, order].reshape(x.shape)

    scores = {
        (name, what): np.array([accuracy(make(), pictures, y, seed) for seed in SEEDS])
        for name, make in [("dense", dense), ("convolutional", convolutional)]
        for what, pictures in [("as they are", x), ("shuffled", shuffled)]
    }
    for (name, what), found in scores.items():
        print(f"{name:14} {what:12} {found.mean():.1%}  ({', '.join(f'{s:.1%}' for s in found)})")
    lost = {
        name: scores[name, "as they are"].mean() - scores[name, "shuffled"].mean()
        for name in ("dense", "convolutional")
    }
    assert abs(lost["dense"]) < 0.015
    assert lost["convolutional"] > 0.02

    made = figure(8, 3.6, "Pixels shuffled, always in the same way")
    made.get_layout_engine().set(w_pad=0.1)
    left, middle, right = made.subplots(1, 3, width_ratios=(1, 1, 1.6))
    show(left, x[3], "as it is")
    show(middle, shuffled[3], "shuffled")
    for name, color in [("dense", BLUE), ("convolutional", ORANGE)]:
        pairs = np.array([scores[name, "as they are"], scores[name, "shuffled"]])  # [2, SEEDS]
        right.plot((0, 1), pairs, color=color, linewidth=1, alpha=0.35)
        means = pairs.mean(axis=1)
        label = f"{name}: {means[0]:.1%} → {means[1]:.1%}"
        right.plot((0, 1), means, "o-", color=color, linewidth=2.5, label=label)
    right.set_xlim(-0.2, 1.2)
    right.set_ylim(None, 1)
    right.set_xticks((0, 1), ("as they are", "shuffled"))
    percent(right, "right answers on new pictures")
    right.set_title(f"{len(SEEDS)} trainings and their mean", fontsize=9, color=QUIET)
    right.legend(frameon=False, loc="lower left", fontsize=9)
    plain(right)
    save(made, path)


if __name__ == "__main__":
    main()

"""Which pictures are alike? Neighbours by pixels, and by what a network makes of them.

Digits lie anywhere on a dark canvas. By pixels, pictures are alike when the ink is in the same
place; in the space of the last hidden layer, when the digit is the same.
"""

import numpy as np
import torch
from common import BLUE, INK, ORANGE, digits, figure, output_path, save, scattered, show, split

import striate as st
from striate import explain, layers

NEAREST = 5


def to_tensor(x: np.ndarray) -> torch.Tensor:
    """[N, H, W, C] -> [N, C, H, W]."""
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()


def trained(x: np.ndarray, y: np.ndarray) -> st.Model:
    torch.manual_seed(0)
    model = st.Sequential([
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(4),
        layers.Flatten(),
        layers.Dense(32, activation="relu", name="hidden"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer="adam", loss="categorical_crossentropy", learning_rate=3e-3)
    model.fit(x, y, batch_size=64, epochs=20, verbose=False)
    return model


def nearest(vectors: np.ndarray) -> np.ndarray:
    """Indices [N, NEAREST] of each row's nearest others, the nearest first."""
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argsort(axis=1)[:, :NEAREST]


def main() -> None:
    path = output_path(__doc__, "neighbours")
    x_train, x_test, y_train, y_test = split(*digits(), test=0.3)
    x_train = scattered(np.tile(x_train, (4, 1, 1, 1)), seed=0)
    x_test = scattered(x_test, seed=1)
    model = trained(x_train, np.tile(y_train, 4))

    hidden = explain.embeddings(model.network, to_tensor(x_test)).numpy()  # [N, 32]
    found = {
        "pixels": nearest(x_test.reshape(len(x_test), -1)),
        "last hidden layer": nearest(hidden),
    }
    shared = {space: (y_test[near] == y_test[:, None]).mean() for space, near in found.items()}
    for space, share in shared.items():
        print(f"{share:.0%} of the {NEAREST} nearest by {space} are of the same class")
    assert shared["last hidden layer"] > shared["pixels"] + 0.3

    made = figure(10, 4.1, "Which of 540 pictures are nearest?")
    rows = made.subplots(4, 2 * NEAREST + 3, width_ratios=[1] * (NEAREST + 1) + [0.3] + [1] * 6)
    starts = (0, NEAREST + 2)
    for row, digit in zip(rows, (2, 4, 5, 9), strict=True):
        index = np.flatnonzero(y_test == digit)[0]
        row[NEAREST + 1].axis("off")
        for start, near in zip(starts, found.values(), strict=True):
            show(row[start], x_test[index])
            for axes, other in zip(row[start + 1 :], near[index], strict=False):
                show(axes, x_test[other])
                color = BLUE if y_test[other] == digit else ORANGE
                for spine in axes.spines.values():
                    spine.set(color=color, linewidth=2.5)
    for start, (space, share) in zip(starts, shared.items(), strict=True):
        rows[0, start + 3].set_title(f"by {space}: {share:.0%} show the same digit (blue)",
                                     fontsize=10, color=INK)  # fmt: skip
    save(made, path)


if __name__ == "__main__":
    main()

"""Few pictures of your own? Begin with a network that has seen others.

A network learns the digits 0 to 4. Then 5 to 9 are to be learned from few examples: from scratch,
with a new head on the frozen features, and with everything unfrozen at a low learning rate
afterwards. The head alone beats training from scratch on a small set; unfreezing beats the head
alone on a moderate one.
"""

import copy

import numpy as np
import torch
from common import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    digits,
    figure,
    output_path,
    percent,
    plain,
    save,
    scattered,
)
from torch import nn

import striate as st
from striate import layers

SMALL, MODERATE = 4, 15  # pictures of each class
SEEDS = range(4)  # draws that are averaged


def fitted(network: nn.Module, x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> nn.Module:
    """Train what is not frozen for about that many steps."""
    model = st.Model(network)
    model.compile(optimizer="adam", loss="categorical_crossentropy", learning_rate=rate)
    batch = min(32, len(x))
    model.fit(x, y, batch_size=batch, epochs=max(1, steps * batch // len(x)), verbose=False)
    return network


def accuracy(network: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    model = st.Model(network)
    model.compile()
    return model.evaluate(x, y)["accuracy"].value


def new_network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    described = [
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(4),
        layers.Flatten(),
        layers.Dense(5, name="head"),
    ]
    return layers.build(described, (16, 16, 1))


def with_new_head(pretrained: nn.Module, seed: int) -> nn.Module:
    """The pretrained features, frozen, and a fresh last layer."""
    network = copy.deepcopy(pretrained).requires_grad_(False)
    torch.manual_seed(seed)
    network.head = nn.Linear(64, 5)
    return network


def few(x: np.ndarray, y: np.ndarray, each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`each` pictures of every class."""
    order = np.random.default_rng(seed).permutation(len(y))
    rows = np.concatenate([order[y[order] == label][:each] for label in np.unique(y)])
    return x[rows], y[rows]


def compare(pretrained: nn.Module, train: tuple, test: tuple, seed: int) -> dict[str, float]:
    """Test accuracy of the three ways."""
    scratch = fitted(new_network(seed), *train, rate=2e-3, steps=300)
    tuned = fitted(with_new_head(pretrained, seed), *train, rate=5e-3, steps=300)
    found = {"from scratch": accuracy(scratch, *test), "head alone": accuracy(tuned, *test)}
    fitted(tuned.requires_grad_(True), *train, rate=1e-3, steps=300)
    return found | {"then unfrozen": accuracy(tuned, *test)}


def main() -> None:
    path = output_path(__doc__, "fine_tuning")
    x, y = digits()
    old, new = y < 5, y >= 5
    x_old = scattered(np.tile(x[old], (4, 1, 1, 1)))
    pretrained = fitted(new_network(0), x_old, np.tile(y[old], 4), rate=2e-3, steps=1200)

    x_new, y_new = scattered(x[new], seed=1), y[new] - 5
    half = len(x_new) // 2
    test = x_new[half:], y_new[half:]
    scores: dict[int, dict[str, list[float]]] = {}
    for each in (SMALL, MODERATE):
        runs = [
            compare(pretrained, few(x_new[:half], y_new[:half], each, seed), test, seed)
            for seed in SEEDS
        ]
        scores[each] = {way: [run[way] for run in runs] for way in runs[0]}
        for way, found in scores[each].items():
            print(f"{each:2} of each class, {way:13}: {np.mean(found):.1%}")
    mean = {each: {way: np.mean(v) for way, v in ways.items()} for each, ways in scores.items()}
    assert mean[SMALL]["head alone"] > mean[SMALL]["from scratch"] + 0.03
    assert mean[MODERATE]["then unfrozen"] > mean[MODERATE]["head alone"] + 0.03

    made = figure(8, 3.8, "Digits 5 to 9, after a network has seen 0 to 4")
    colors = {"from scratch": QUIET, "head alone": ORANGE, "then unfrozen": BLUE}
    pair = made.subplots(1, 2, sharey=True)
    percent(pair[0], "right answers on new pictures")
    for axes, (each, ways) in zip(pair, scores.items(), strict=True):
        for place, (way, found) in enumerate(ways.items()):
            axes.bar(place, np.mean(found), 0.7, color=colors[way])
            axes.plot([place] * len(found), found, "o", color=INK, markersize=3)
            axes.text(place, 0.03, f"{np.mean(found):.0%}", ha="center", color="white")
        axes.set_xticks(range(3), list(ways), fontsize=9)
        axes.set_ylim(0, 1)
        axes.set_title(f"{each} pictures of each class", fontsize=10)
        plain(axes)
    save(made, path)


if __name__ == "__main__":
    main()

"""Max- and average-pooling: each keeps a picture that the other destroys.

A digit is woven in two ways into a grey cloth (0). Bright and dark threads side by side (+1, −1):
their mean is the cloth's, so average-pooling sees nothing, max-pooling the digit. Single dark
threads (−1): the largest value of every window is the cloth's, so max-pooling sees nothing and
average-pooling the digit.
"""

import numpy as np
import torch
from common import digits, figure, output_path, save, show

from striate import layers


def woven(shape: np.ndarray, thread: np.ndarray) -> np.ndarray:
    """The 2×2 `thread` wherever `shape` [h, w] is true, 0 elsewhere: [2h, 2w]."""
    return np.kron(shape, thread).astype(np.float32)


def pooled(layer: layers.Layer, picture: np.ndarray) -> np.ndarray:
    """What a pooling layer makes of one picture [H, W]."""
    network = layers.build([layer], (*picture.shape, 1))
    return network(torch.from_numpy(picture)[None, None])[0, 0].numpy()


def main() -> None:
    path = output_path(__doc__, "max_vs_average_pooling")
    shape = np.kron(digits()[0][3, ..., 0] > 0.4, np.ones((2, 2)))
    pictures = {
        "bright and dark threads": woven(shape, np.array([[1, -1], [-1, 1]])),
        "single dark threads": woven(shape, np.array([[-1, 0], [0, 0]])),
    }
    maximum, average = layers.MaxPooling2D(2), layers.AveragePooling2D(2)

    bright_dark, dark = pictures.values()
    assert np.array_equal(pooled(maximum, bright_dark), shape)  # kept at full strength
    assert not pooled(average, bright_dark).any()  # gone without a trace
    assert not pooled(maximum, dark).any()
    assert np.array_equal(pooled(average, dark), -shape / 4)  # kept, fainter
    print("Each kept its picture, and wiped the other's out.")

    made = figure(7.5, 5.2, "Each pooling keeps what the other destroys")
    for row, (name, picture) in zip(made.subplots(2, 3), pictures.items(), strict=True):
        show(row[0], picture, name, vmin=-1, vmax=1)
        show(row[1], pooled(maximum, picture), "max-pooling 2×2", vmin=-1, vmax=1)
        show(row[2], pooled(average, picture), "average-pooling 2×2", vmin=-1, vmax=1)
    save(made, path)


if __name__ == "__main__":
    main()

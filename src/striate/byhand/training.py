"""Training by stochastic gradient descent, with nothing but NumPy.

w <- w - rate * mean over the batch of dC/dw
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from striate.byhand._window import Array, numbers
from striate.byhand.losses import softmax_cross_entropy, softmax_cross_entropy_gradient
from striate.byhand.network import Activate, Conv, Dense, Flatten, Layer, MaxPool, Network
from striate.errors import ShapeError, TrainingError, UsageError

Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Epoch:
    """How one pass over the images went.

    Args:
        loss: mean cross-entropy over its steps, before each step's update.
        accuracy: fraction of the validation images that are right after it; None without any.
    """

    number: int
    loss: float
    accuracy: float | None


def train(
    network: Network,
    images: ArrayLike,
    labels: ArrayLike,
    *,
    epochs: int = 5,
    batch_size: int = 32,
    learning_rate: float = 0.1,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Fit a classifier by softmax, cross-entropy and plain gradient descent, in place.

    Shape: images [N, C, H, W]; labels [N], whole numbers from 0.
    Args:
        validation: images and labels that are only judged.
        seed: orders the images of each epoch, see `batches`.
        on_epoch: is told of each epoch as it ends.
    Raises:
        ShapeError: there are not as many labels as images, or none.
        UsageError: epochs, batch size or learning rate is not positive.
        TrainingError: the loss is no finite number any more.
    """
    pixels, truth = numbers(images), np.asarray(labels, dtype=np.intp)
    _check(pixels, truth, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    history = []
    for number in range(1, epochs + 1):
        losses = [
            step(network, pixels[rows], truth[rows], learning_rate)
            for rows in batches(len(pixels), batch_size, seed, number)
        ]
        right = accuracy(network, *validation) if validation else None
        history.append(Epoch(number, float(np.mean(losses)), right))
        if on_epoch:
            on_epoch(history[-1])
    return history


def step(network: Network, images: Array, labels: Labels, learning_rate: float) -> float:
    """One update of all weights from one batch; the loss before it.

    Raises:
        TrainingError: before the update, where the loss is no finite number.
    """
    values = network.remember(images)
    loss = float(softmax_cross_entropy(values[-1], labels).mean())
    if not np.isfinite(loss):
        raise TrainingError(
            "train-non-finite",
            f"byhand.train: the loss of a batch is {loss}; the weights stay as they were.",
            f"Take a learning rate lower than {learning_rate:g}, and pixels from 0 to 1.",
        )
    gradient = softmax_cross_entropy_gradient(values[-1], labels) / len(images)
    _, found = network.backward(gradient, values)
    for layer, gradients in zip(network.layers, found, strict=True):
        for name, of_weights in gradients.items():
            weights: Array = getattr(layer, name)
            weights -= learning_rate * of_weights
    return loss


def batches(images: int, batch_size: int, seed: int, epoch: int) -> Iterator[Labels]:
    """Image numbers batch by batch, in an order drawn from (seed, epoch); the last may be short."""
    order = np.random.default_rng((seed, epoch)).permutation(images)
    for start in range(0, images, batch_size):
        yield order[start : start + batch_size]


def accuracy(network: Network, images: ArrayLike, labels: ArrayLike) -> float:
    """Fraction of the images whose largest output is the right one, 256 images at a time."""
    pixels, truth = numbers(images), np.asarray(labels)
    right = [
        network.forward(pixels[start : start + 256]).argmax(axis=1) == truth[start : start + 256]
        for start in range(0, len(pixels), 256)
    ]
    return float(np.concatenate(right).mean())


def lenet5(image_size: int = 32, classes: int = 10, channels: int = 1, seed: int = 0) -> Network:
    """LeNet-5 with ReLU and max-pooling, as `zoo.create("lenet5")` builds it; images [N, C, H, W].

    Weights are drawn evenly from ±1 / sqrt(inputs of a neuron), as torch draws them.

    Args:
        image_size: pixels, height = width, 16 or more; 32 gives C1 6@28×28, S2 6@14×14,
            C3 16@10×10, S4 16@5×5, then 400 → 120 → 84 → classes.
    Raises:
        ShapeError: the images are too small for two convolutions and two poolings.
    Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", figure 2.
    """
    side = ((image_size - 4) // 2 - 4) // 2  # of S4
    if side < 1:
        raise ShapeError(
            "shape-image-too-small",
            f"byhand.lenet5 needs images of at least 16×16 pixels, got {image_size}×{image_size}.",
            "Enlarge them: byhand.enlarge(images, 4).",
        )
    random = np.random.default_rng(seed)
    layers: list[Layer] = [
        Conv(*_weights(random, 6, channels, 5, 5)),
        Activate("relu"),
        MaxPool(2),
        Conv(*_weights(random, 16, 6, 5, 5)),
        Activate("relu"),
        MaxPool(2),
        Flatten(),
        Dense(*_weights(random, 120, 16 * side * side)),
        Activate("relu"),
        Dense(*_weights(random, 84, 120)),
        Activate("relu"),
        Dense(*_weights(random, classes, 84)),
    ]
    return Network(layers)


def enlarge(images: ArrayLike, factor: int) -> Array:
    """Every pixel repeated `factor` times along both axes: [N, H, W] -> [N, 1, f H, f W].

    >>> enlarge([[[1, 2]]], 2)
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """
    pixels = numbers(images)
    return pixels.repeat(factor, axis=-2).repeat(factor, axis=-1)[:, None]


def digits() -> tuple[Array, Labels]:
    """The 1,797 handwritten digits of scikit-learn, 8×8 enlarged to the 32×32 of LeNet-5.

    Shape: images [1797, 1, 32, 32] from 0 to 1, labels [1797].
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    return enlarge(found.images / 16, 4), found.target


def _weights(random: np.random.Generator, *shape: int) -> tuple[Array, Array]:
    reach = 1 / np.sqrt(np.prod(shape[1:]))
    return random.uniform(-reach, reach, shape), random.uniform(-reach, reach, shape[0])


def _check(images: Array, labels: Labels, **positive: float) -> None:
    for name, value in positive.items():
        if value <= 0:
            raise UsageError(
                "usage-byhand-setting", f"byhand.train: {name} must be positive, got {value:g}."
            )
    if not len(images) or labels.shape != (len(images),):
        raise ShapeError(
            "shape-byhand-targets",
            f"byhand.train: it needs one label per image, got images {list(images.shape)} and "
            f"labels {list(labels.shape)}.",
        )

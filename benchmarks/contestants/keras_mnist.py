"""Keras's MNIST example, until 99 % of the test images are right; tested after every epoch.

Source: keras.io/examples/vision/mnist_convnet: two convolutions, Adam, batches of 128, a tenth of
the training images held out.
"""

import keras
import numpy as np
from keras import layers

from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.idx import mnist


def main() -> None:
    options = parser()
    options.add_argument("--epochs", type=int, default=15, help="at most")
    options.add_argument("--until", type=float, default=0.99)
    request = asked(options)
    keras.utils.set_random_seed(request.seed)
    (x, y), (x_test, y_test) = (
        (images.astype(np.float32)[..., None] / 255, keras.utils.to_categorical(labels, 10))
        for images, labels in (mnist(request.data, part) for part in ("train", "t10k"))
    )
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, activation="softmax")),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    accuracy, epoch = 0.0, 0
    while accuracy < request.until and epoch < request.epochs:
        epoch += 1
        model.fit(x, y, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
        _, accuracy = model.evaluate(x_test, y_test, batch_size=128, verbose=0)
    answer(accuracy=accuracy, epochs=epoch)


if __name__ == "__main__":
    main()

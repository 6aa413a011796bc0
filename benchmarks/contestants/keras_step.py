"""`model.fit` of Keras on arrays in memory, on the backend that KERAS_BACKEND names."""

import keras
import numpy as np
from keras import layers

from benchmarks.contestants.asked import answer
from benchmarks.contestants.steps import asked_steps, seconds_per_step, workloads


def lenet5() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()),
            *(layers.Dense(120, activation="relu"), layers.Dense(84, activation="relu")),
            layers.Dense(10, activation="softmax"),
        ]
    )


def two_conv() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(32, 3, activation="relu")),
            *(layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten()),
            *(layers.Dense(128, activation="relu"), layers.Dropout(0.5)),
            layers.Dense(10, activation="softmax"),
        ]
    )


def mobilenet_v2() -> keras.Model:
    return keras.applications.MobileNetV2((224, 224, 3), weights=None, classes=10)


NETWORKS = {"lenet5": lenet5, "two_conv": two_conv, "mobilenet_v2": mobilenet_v2}


def main() -> None:
    request = asked_steps()
    keras.utils.set_random_seed(request.seed)
    times = {}
    for key, network, batch in workloads(request):
        model = NETWORKS[network]()
        model.compile("adam", loss="sparse_categorical_crossentropy")

        def epoch(x: np.ndarray, y: np.ndarray, model=model, batch=batch) -> None:
            model.fit(x, y, batch_size=batch, epochs=1, verbose=0)

        times[key] = seconds_per_step(epoch, network, batch, request)
    answer(**times)


if __name__ == "__main__":
    main()

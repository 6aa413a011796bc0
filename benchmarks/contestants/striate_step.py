"""`Model.fit` on arrays in memory."""

import numpy as np

import striate
from benchmarks.contestants.asked import answer
from benchmarks.contestants.steps import asked_steps, seconds_per_step, workloads
from striate.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D


def lenet5() -> striate.Sequential:
    return striate.Sequential(
        [
            *(Input((28, 28, 1)), Conv2D(6, 5, activation="relu"), MaxPooling2D(2)),
            *(Conv2D(16, 5, activation="relu"), MaxPooling2D(2), Flatten()),
            *(Dense(120, activation="relu"), Dense(84, activation="relu")),
            Dense(10, activation="softmax"),
        ]
    )


def two_conv() -> striate.Sequential:
    return striate.Sequential(
        [
            *(
                Input((28, 28, 1)),
                Conv2D(32, 3, activation="relu"),
                Conv2D(32, 3, activation="relu"),
            ),
            *(MaxPooling2D(2), Dropout(0.25), Flatten()),
            *(Dense(128, activation="relu"), Dropout(0.5), Dense(10, activation="softmax")),
        ]
    )


def of_the_zoo(name: str, side: int) -> striate.Model:
    return striate.Model(striate.zoo.create(name, classes=10, channels=3, image_size=side))


NETWORKS = {
    "lenet5": lenet5,
    "two_conv": two_conv,
    "resnet18_64": lambda: of_the_zoo("resnet18", 64),
    "resnet18_224": lambda: of_the_zoo("resnet18", 224),
    "mobilenet_v2": lambda: of_the_zoo("mobilenet_v2", 224),
}


def main() -> None:
    request = asked_steps()
    times = {}
    for key, network, batch in workloads(request):
        model = NETWORKS[network]()
        model.compile("adam", loss="sparse_categorical_crossentropy")

        def epoch(x: np.ndarray, y: np.ndarray, model=model, batch=batch) -> None:
            model.fit(x, y, batch_size=batch, epochs=1, seed=request.seed, verbose=False)

        times[key] = seconds_per_step(epoch, network, batch, request)
    answer(**times)


if __name__ == "__main__":
    main()

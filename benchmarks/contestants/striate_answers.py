"""`Model.predict`."""

from collections.abc import Callable

import numpy as np
import torch

import striate
from benchmarks.contestants.answers import asked_answers, timed
from benchmarks.contestants.asked import answer


def make(name: str) -> Callable[[np.ndarray], object]:
    model = striate.Model(striate.zoo.create(name, classes=1000))
    return lambda x: model.predict(torch.from_numpy(x))


if __name__ == "__main__":
    answer(**timed(make, asked_answers()))

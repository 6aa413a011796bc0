"""Make the model file that `striate predict` opens: SqueezeNet 1.1 with its weights."""

import argparse

from benchmarks.contestants.asked import asked, parser
from striate import Model, Preprocessing, zoo
from striate.zoo.foreign import load_foreign

MEAN = (123 / 255, 117 / 255, 104 / 255)


def make(request: argparse.Namespace) -> None:
    network = zoo.create("squeezenet1_1", classes=1000)
    load_foreign(network, request.data / "weights" / "squeezenet1_1-imagenet.safetensors")
    read = Preprocessing(224, channels=3, canvas=256, mean=MEAN, std=(1 / 255,) * 3)
    classes = [f"class {number}" for number in range(1000)]
    Model(network, preprocessing=read, classes=classes).save(request.kept / "striate.safetensors")


if __name__ == "__main__":
    asked(parser(), make)

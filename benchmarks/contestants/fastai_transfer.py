"""fastai's quick start: `vision_learner(...).fine_tune(epochs)`, or its frozen part alone.

Source: docs.fast.ai/quick_start. The body gets the weights of the file, and their normalisation.
"""

import time
from functools import partial
from pathlib import Path

from benchmarks.contestants import torchvision_operators  # noqa: F401  (first)
from benchmarks.contestants.asked import answer, asked, parser

from fastai.vision.all import (  # isort: skip
    ImageDataLoaders,
    Resize,
    accuracy,
    aug_transforms,
    get_image_files,
    set_seed,
    vision_learner,
)
from fastai.vision.learner import model_meta  # isort: skip
from safetensors.torch import load_file  # isort: skip
from torchvision.models import SqueezeNet, squeezenet1_1  # isort: skip

STATS = ([123 / 255, 117 / 255, 104 / 255], [1 / 255] * 3)


def main() -> None:
    options = parser()
    options.add_argument("--epochs", type=int, default=4)
    options.add_argument("--frozen", action="store_true", help="train the head alone")
    request = asked(options)
    set_seed(request.seed, reproducible=False)
    photographs = request.data / "cats-dogs"
    started = time.perf_counter()
    loaders = ImageDataLoaders.from_folder(
        photographs / "train",
        valid_pct=0.15,
        seed=request.seed,
        item_tfms=Resize(256),
        batch_tfms=aug_transforms(size=224),
    )
    weights = request.data / "weights" / "squeezenet1_1-imagenet.safetensors"
    network = partial(with_weights, weights)
    network.__name__ = "squeezenet1_1"
    model_meta[network] = model_meta[squeezenet1_1] | {"stats": STATS}
    learner = vision_learner(loaders, network, metrics=accuracy, path=".")
    begun = time.perf_counter()
    with learner.no_bar(), learner.no_logging():
        if request.frozen:
            learner.fit_one_cycle(request.epochs)
        else:
            learner.fine_tune(request.epochs)
        ended = time.perf_counter()
        test = loaders.test_dl(get_image_files(photographs / "test"), with_labels=True)
        right = learner.validate(dl=test)[1]
    answer(training=ended - started, epochs=ended - begun, accuracy=float(right))


def with_weights(file: Path, **_: object) -> SqueezeNet:
    """SqueezeNet 1.1, whatever fastai says of the weights it would download."""
    network = squeezenet1_1()
    network.load_state_dict(load_file(file))
    return network


if __name__ == "__main__":
    main()

"""Weights that others trained, through the public functions, on real photographs.

The photographs are 250 of ImageNet, one per class, probably seen in training: what is asked is
whether weights, names of tensors, padding, preprocessing and class order agree.
"""

import pytest
import torch
from scipy.stats import binom

from striate import Preprocessing, zoo

INCEPTION = Preprocessing(size=(224, 224), canvas=(256, 256), mean=(0.5,), std=(0.5,))
CAFFE = Preprocessing(
    size=(224, 224), canvas=(256, 256), mean=(123 / 255, 117 / 255, 104 / 255), std=(1 / 255,)
)
V1 = "mobilenet_v1_0.25_224-imagenet.safetensors"
V2 = "mobilenet_v2-imagenet-from-qat.safetensors"
SQUEEZENET = "squeezenet1_1-imagenet.safetensors"


@pytest.fixture(scope="module")
def photographs(shared_data):
    """(bytes of each photograph, [N] class numbers in the order of synset.txt)."""
    lines = (shared_data / "imagenet-samples" / "synset.txt").read_text().splitlines()
    order = [line.strip().strip("'").split()[0] for line in lines if line.strip()]
    files = sorted((shared_data / "imagenet-samples" / "images").iterdir())
    labels = torch.tensor([order.index(file.name.partition("_")[0]) for file in files])
    assert (len(order), len(files), len(labels.unique())) == (1000, 250, 250)
    return [file.read_bytes() for file in files], labels


def accuracies(name, weights, source, preprocessing, photographs):
    """Fractions of the photographs whose class comes first, and among the first five."""
    network = zoo.create(name).eval()
    report = zoo.load_foreign(network, weights)
    assert (report.source, report.adapted, report.fresh, report.unused) == (source, (), (), ())
    pictures, labels = photographs
    hits = []
    for start in range(0, len(pictures), 25):
        batch = slice(start, start + 25)
        with torch.no_grad():
            logits = network(preprocessing(pictures[batch]))
        hits.append(logits.topk(5).indices == labels[batch, None])
    found = torch.cat(hits)
    return found[:, 0].float().mean().item(), found.any(dim=1).float().mean().item()


def assert_agrees(fraction, percent, n=250):
    """The fraction of n lies where 99 % of samples lie whose true rate is `percent`."""
    low, high = binom.interval(0.99, n, percent / 100)
    assert low <= round(fraction * n) <= high, f"{fraction:.1%} where {percent} % is known"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "source", "preprocessing", "top1", "top5"),
    [
        ("mobilenet_v1_0.25", V1, "keras", INCEPTION, 59.2, 81.7),
        ("squeezenet1_1", SQUEEZENET, "torchvision", CAFFE, 62.2, 83.8),
        ("mobilenet_v2_same", V2, "torchvision", INCEPTION, 89.8, None),
        ("mobilenet_v2", V2, "torchvision", INCEPTION, 79.6, None),
    ],
)
def test_photographs_are_known(
    name, file, source, preprocessing, top1, top5, photographs, shared_data
):
    weights = shared_data / "weights" / file
    first, five = accuracies(name, weights, source, preprocessing, photographs)
    assert_agrees(first, top1)
    if top5 is not None:
        assert_agrees(five, top5)


def test_first_photographs_are_known(photographs, shared_data):
    pictures, labels = photographs
    few = pictures[:40], labels[:40]
    weights = shared_data / "weights" / V1
    first, five = accuracies("mobilenet_v1_0.25", weights, "keras", INCEPTION, few)
    assert_agrees(first, 59.2, n=40)
    assert_agrees(five, 81.7, n=40)

"""Published weights, fetched once and kept as a model file of our own."""

import json
from pathlib import Path

import torch
from filelock import FileLock
from torch import nn

from striate.data.verdicts import default_cache
from striate.errors import FileError
from striate.files import sha256_of
from striate.model_file import model_card, read_model_file, write_model_file
from striate.zoo.download import OnProgress, download
from striate.zoo.foreign._match import ForeignReport, fill, find
from striate.zoo.foreign._names import weighted
from striate.zoo.published_weights import CLASS_NAMES, PublishedWeights, published


def pull(
    name: str,
    source: str | None = None,
    *,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Path:
    """The model file of an architecture's published weights; fetched where it is not here yet.

    It holds the weights under our names, the names of the 1000 classes and the preprocessing, so
    `st.load` makes a model of it. Where the publisher gives no checksum, that of the first copy
    is noted in its provenance.

    Args:
        source: torchvision, timm or keras; None is the first that has some.
        cache: a folder; None is the environment's `STRIATE_CACHE`, else `~/.cache/striate`.
    Raises:
        UsageError: nobody is known to have published weights for it.
        FileError: offline, interrupted, or not the published file; it tells where to put a copy.
    """
    weights = published(name, source)
    folder = (default_cache() if cache is None else cache) / "zoo"
    target = folder / f"{weights.name}-{weights.source}.safetensors"
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):  # two trainings may want the same weights at once
        if not target.is_file():
            _convert(weights, folder / "downloads", target, on_progress)
    return target


def fill_from(network: nn.Module, file: Path) -> ForeignReport:
    """Put the weights of a model file of ours into a network of the same architecture.

    The first layer is adapted to other channels; a last layer of other classes keeps its own.

    Raises:
        FileError: the file is damaged or holds another network.
    """
    _, state = read_model_file(file)
    same = {path: path for path in weighted(network)}
    return fill(network, state, find(network, state, same, file.name))


def _convert(
    weights: PublishedWeights, downloads: Path, target: Path, on_progress: OnProgress | None
) -> None:
    from striate.zoo import create, load_foreign

    raw = download(weights.url, downloads / weights.file, weights.digest, on_progress)
    classes = class_names(downloads)
    with torch.random.fork_rng(devices=[]):
        network = create(weights.name)
    report = load_foreign(network, raw)
    if report.fresh or report.adapted:
        raise FileError(
            "zoo-weights-do-not-fit",
            f"{raw} does not hold all of {weights.name}: {report}",
            "Delete it and fetch it again.",
        )
    card = model_card(
        architecture={"kind": "zoo", **(network.made_by or {})},
        classes=classes,
        preprocessing=weights.preprocessing.to_json(),
        provenance={
            "weights": weights.url,
            "sha256": sha256_of(raw),
            "checked": weights.digest or "the publisher gives no checksum",
            "top1": weights.top1,
            "top5": weights.top5,
        },
    )
    write_model_file(target, network.state_dict(), card)
    raw.unlink()


def class_names(downloads: Path) -> list[str]:
    """The names of the 1000 classes of ILSVRC 2012, in the order of the outputs.

    Two classes are both called "crane" and two "maillot": these get their WordNet number.
    """
    url, digest = CLASS_NAMES
    file = download(url, downloads / "imagenet_class_index.json", digest)
    index = json.loads(file.read_text(encoding="utf-8"))
    pairs = [index[str(number)] for number in range(len(index))]
    names = [name.replace("_", " ") for _, name in pairs]
    return [
        f"{name} ({wordnet})" if names.count(name) > 1 else name
        for (wordnet, _), name in zip(pairs, names, strict=True)
    ]

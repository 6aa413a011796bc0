"""The weights that a training begins with: where they are, whose they are, and putting them in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor

from striate import zoo
from striate.data import Preprocessing
from striate.errors import FileError, UsageError, unknown_name
from striate.model_file import read_model_file
from striate.nn import HeadedNetwork
from striate.nn.stages import answer_path
from striate.tasks.run_folder import RUNS, RunFolder
from striate.tasks.weights_fit import candidates, outputs_of
from striate.training import Notice
from striate.zoo.foreign._files import read_foreign
from striate.zoo.foreign._match import fill, find
from striate.zoo.foreign._names import weighted

PRETRAINED = "pretrained"
BY_DEFAULT = "squeezenet1_1"  # for "pretrained" without an architecture: quick on any processor
NOT_OURS = ("model-foreign", "model-pickle")  # codes of `read_model_file`
SUFFIXES = (".safetensors", ".pth", ".pt", ".th", ".bin", ".ckpt", ".h5", ".keras")
OF_IMAGENET = re.compile(r"^n\d{8}_|ILSVRC2012")


@dataclass(frozen=True)
class StartingWeights:
    """Weights that were learnt elsewhere, and what is known of them.

    Args:
        name: architecture, a key of `zoo.ARCHITECTURES`.
        file: where they lie.
        said: whose they are, for a sentence: "published by torchvision", "squeeze.safetensors".
        state: the tensors by the names in the file.
        foreign: the names are those of torchvision, timm or Keras, not ours.
        preprocessing: what the network saw while it learnt; None where nobody says.
        classes: names of what it tells apart; empty where nobody says.
        seen: SHA-256 of the images that they were trained on or chosen by, where known.
        imagenet: trained on ILSVRC 2012: published, or somebody's with 1000 outputs.
    """

    name: str
    file: Path
    said: str
    state: Mapping[str, Tensor]
    foreign: bool
    preprocessing: Preprocessing | None = None
    classes: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()
    imagenet: bool = False


def starting_weights(
    asked: str, model: str = "auto", *, on_progress: zoo.OnProgress | None = None
) -> StartingWeights:
    """Find and read weights.

    Args:
        asked: "pretrained" for published ones, fetched once; a model file or run of ours; or
            somebody's safetensors, state dict of torch or Keras file.
        model: architecture, or "auto" for that of the file ("pretrained": squeezenet1_1). A file
            of somebody's does not say its architecture.
    Raises:
        UnknownName: no such architecture.
        UsageError: nobody published any for it; or they do not say their architecture, or it is
            another one, or none of the zoo.
        FileError: there is no such file, it is damaged, or of another network.
    """
    if model != "auto" and model not in zoo.ARCHITECTURES:
        raise unknown_name("architecture", model, zoo.ARCHITECTURES)
    if asked == PRETRAINED:
        return _published(BY_DEFAULT if model == "auto" else model, on_progress)
    file = _found(asked)
    try:
        card, state = read_model_file(file)
    except FileError as error:
        if error.code not in NOT_OURS:
            raise
        return _somebodys(file, model)
    architecture = card["architecture"]
    _check_is(str(architecture.get("name", "")), architecture["kind"], model, file)
    origin = card["provenance"]
    stored = card["preprocessing"]
    return StartingWeights(
        name=architecture["name"],
        file=file,
        said=str(file),
        state=state,
        foreign=False,
        preprocessing=Preprocessing.from_json(stored) if stored else None,
        classes=tuple(map(str, card["classes"])),
        seen=_trained_on(file),
        imagenet=_from_imagenet(origin),
    )


def put_into(
    network: HeadedNetwork, weights: StartingWeights, classes: Sequence[str]
) -> zoo.ForeignReport:
    """Fill a network of the same architecture; what came fresh and what was adapted is reported.

    The last layer keeps its fresh weights, unless the weights tell apart the very `classes`, in
    the same order. The first layer is adapted to another number of channels.

    Raises:
        FileError: they are of another network or image size; the network is as it was.
    """
    answer = answer_path(network)
    last = {f"{answer}.{name}" for name, _ in network.get_submodule(answer).named_parameters()}
    own = network.state_dict()
    fresh = {name: own[name].clone() for name in last}
    if weights.foreign:
        report = zoo.load_foreign_state(network, weights.state)
    else:
        same = {path: path for path in weighted(network)}
        report = fill(network, weights.state, find(network, weights.state, same, weights.file.name))
    taken = sorted(last - set(report.fresh))
    if tuple(classes) == weights.classes or not taken:
        return report
    with torch.no_grad():
        for name in taken:
            own[name].copy_(fresh[name])
    return replace(report, matched=report.matched - len(taken), fresh=(*report.fresh, *taken))


def overlap(
    weights: StartingWeights, test_ids: Iterable[str], hashes: Mapping[str, str]
) -> tuple[Notice, ...]:
    """Warnings about test images that the weights were probably trained on.

    Args:
        test_ids: of the test images: paths, of which the last part is looked at.
        hashes: SHA-256 by id, as `Prepared.hashes` gives.
    """
    ids = tuple(test_ids)
    found = []
    seen = [name for name in ids if hashes.get(name, "") in weights.seen - {""}]
    if seen:
        found.append(
            Notice(
                "warning",
                "weights-seen-images",
                f"{len(seen)} of {len(ids)} test images were used to train or choose the weights "
                f"{weights.said}, such as {seen[0]}: the score on the test images will flatter. "
                "Take them out of the test part, or other weights.",
            )
        )
    known = [name for name in ids if OF_IMAGENET.search(Path(name).name)]
    if weights.imagenet and known:
        found.append(
            Notice(
                "warning",
                "weights-imagenet-names",
                f"{len(known)} of {len(ids)} test images are named as ImageNet's are, such as "
                f"{known[0]}, and the weights {weights.said} were trained on ImageNet: they may "
                "have seen these images, and then the score on the test images will flatter. "
                "Judge by other images.",
            )
        )
    return tuple(found)


def _published(name: str, on_progress: zoo.OnProgress | None) -> StartingWeights:
    having = list(dict.fromkeys(each.name for each in zoo.WEIGHTS))
    if name not in having:
        family = [each for each in having if zoo.family_of(each) == zoo.family_of(name)]
        alike = [each for each in having if each[:3] == name[:3]]
        close = list(dict.fromkeys([*family, *get_close_matches(name, alike, n=3, cutoff=0.5)]))
        some = close[:4] or ["squeezenet1_1", "mobilenet_v2", "resnet18", "efficientnet_b0"]
        raise UsageError(
            "weights-not-published",
            f"Nobody is known to have published weights for {name}.",
            f"There are some for {', '.join(some)}; striate zoo --published lists all.",
        )
    file = zoo.pull(name, on_progress=on_progress)
    card, state = read_model_file(file)
    return StartingWeights(
        name=name,
        file=file,
        said=f"published by {zoo.published(name).source}",
        state=state,
        foreign=False,
        preprocessing=zoo.published(name).preprocessing,
        classes=tuple(map(str, card["classes"])),
        imagenet=True,
    )


def _found(asked: str) -> Path:
    """The file that is meant: a path, a run folder, or a run's name."""
    for path in (Path(asked), RUNS / asked):
        if path.is_file():
            return path
        if RunFolder(path).model.is_file():
            return RunFolder(path).model
    folder = Path(asked).parent
    files = [each for each in folder.iterdir() if each.is_file()] if folder.is_dir() else []
    near = {each.name: each for each in files if each.suffix in SUFFIXES}
    runs = {path.parent.name: path.parent for path in RUNS.glob("*/model.safetensors")}
    known = {**runs, **near}
    close = get_close_matches(Path(asked).name, known, n=3, cutoff=0.3) or sorted(known)[:3]
    raise FileError(
        "weights-not-found",
        f"--weights: there is no file and no run {asked}.",
        f"Did you mean {' or '.join(str(known[name]) for name in close)}?"
        if close
        else 'Name a file of weights or a run folder, or "pretrained" for published weights.',
    )


def _check_is(name: str, kind: str, model: str, file: Path) -> None:
    if kind != "zoo":
        raise UsageError(
            "weights-no-architecture",
            f"--weights: {file} holds a network that is not of the zoo ({kind}).",
            "In Python, st.load reads it and Model.fit goes on with it.",
        )
    if model not in ("auto", name):
        raise UsageError(
            "weights-other-architecture",
            f"--weights: {file} holds a {name}, and --model is {model}.",
            f"Say --model {name}, or take weights of {model}.",
        )


def _somebodys(file: Path, model: str) -> StartingWeights:
    """Weights under others' names; they must fit the architecture, which must be named."""
    state = read_foreign(file)
    if model == "auto":
        raise UsageError(
            "weights-no-model",
            f"--weights: {file} does not say which architecture its weights are of.",
            f"Say --model NAME. {candidates(state)}",
        )
    outputs = outputs_of(model, state)
    if outputs is None:
        raise UsageError(
            "weights-other-architecture",
            f"--weights: {file} does not hold the weights of {model}.",
            candidates(state),
        )
    return StartingWeights(
        name=model,
        file=file,
        said=str(file),
        state=state,
        foreign=True,
        imagenet=outputs == 1000,
    )


def _trained_on(file: Path) -> frozenset[str]:
    """SHA-256 of the images of the training that made this file, where its run lies around it."""
    run = RunFolder(file.parent)
    if file.name != run.model.name or not (run.data.is_file() and run.split.is_file()):
        return frozenset()
    return frozenset(run.trained_hashes())


def _from_imagenet(origin: Mapping[str, object]) -> bool:
    """Whether a card's provenance leads to published weights, at first or second hand."""
    recipe = origin.get("recipe")
    first_hand = str(origin.get("weights", "")).startswith("https://")
    return first_hand or (isinstance(recipe, Mapping) and recipe.get("weights") == PRETRAINED)

"""What can be asked of the tasks, but of a network's inside: see `explain_request`."""

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from striate import filters
from striate.data.decode import PIXEL_CAP
from striate.engines.names import EngineName
from striate.tasks.fields import Request, argument, option
from striate.training import Recipe

UNRECORDED = frozenset({"resume", "output_dir"})  # they say where, not what
IN_MEMORY = "<arrays>"  # stands for data that no string can name
TUNES = ("auto", "head", "gradual", "all")  # or last:N


def check_shares(val: float, test: float) -> None:
    """Raise `ValueError` unless validation and test leave images to train on."""
    if val + test >= 1:
        raise ValueError(
            f"val and test are shares of the images, {val} and {test} leave none to train on"
        )


class TrainRequest(Recipe):
    """Train a network on a data set and judge it.

    DATA is a folder with a class per sub-folder (or train/, val/ and test/ with such sub-folders),
    a CSV or Parquet table with the columns path and label, an .npz file, a folder of MNIST's
    .gz files, or the built-in "digits".
    """

    data: str = argument("Folder, table, array file, or a built-in name such as digits.")
    model: str = option("auto", "Architecture of the zoo; auto chooses by images and their number.")
    weights: str | None = option(
        None, "Weights to start from: pretrained, a run, a model file, or a file from elsewhere."
    )
    tune: str = option(
        "auto", "What of the weights is trained on: auto, head, last:N stages, gradual, or all."
    )
    head: Literal["linear", "logistic", "svm", "knn"] = option(
        "linear", "What answers from frozen features: a layer, or a model of scikit-learn."
    )
    views: int | None = option(
        None, "Changed views of every image whose features are kept, with --tune head.", ge=1, le=64
    )
    mean: tuple[float, float, float] | None = option(
        None, "Red, green and blue that the weights take from 0..1 pixels; unset finds it out."
    )
    std: tuple[float, float, float] | None = option(None, "What the weights divide by after that.")
    image_size: int | None = option(
        None, "Side of the square that the network sees, in pixels.", "--img-size", "--imgsz", ge=1
    )
    channels: int | None = option(
        None, "Channels: 1 grey, 3 colour, or as many as the data have.", ge=1
    )
    resize: Literal["auto", "crop", "squash", "pad"] = option(
        "auto", "How a picture becomes a square: crop its middle, stretch it, or add a border."
    )
    background: tuple[int, int, int] = option(
        (255, 255, 255), "Red, green and blue (0..255) behind transparent pixels and borders."
    )
    task: Literal["auto", "single_label", "multi_label", "regression"] = option(
        "auto", "What the labels are; auto reads it off them."
    )
    val: float = option(
        0.15, "Share of the images for validation, where the data have none.", gt=0, lt=1
    )
    test: float = option(
        0.15, "Share of the images for the test, where the data have none.", ge=0, lt=1
    )
    split: Path | None = option(None, "A split.csv of an earlier run to use again.")
    pixel_cap: int = option(PIXEL_CAP, "Refuse pictures of more pixels, unopened.", ge=1)
    output_dir: Path | None = option(
        None, "The run folder; runs/NAME by default.", "-o", "--output"
    )
    resume: bool = option(False, "Go on with an interrupted run.")

    @field_validator("background")
    @classmethod
    def _is_colour(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not all(0 <= part <= 255 for part in value):
            raise ValueError("red, green and blue must lie between 0 and 255")
        return value

    @field_validator("tune")
    @classmethod
    def _is_tune(cls, value: str) -> str:
        if value not in TUNES and not re.fullmatch(r"last:[1-9]\d*", value):
            raise ValueError(f"must be one of {', '.join(TUNES)}, or last:N such as last:2")
        return value

    @model_validator(mode="after")
    def _leaves_images(self) -> Self:
        check_shares(self.val, self.test)
        return self

    @model_validator(mode="after")
    def _has_weights_to_tune(self) -> Self:
        if self.weights is None:
            for name in ("tune", "head", "views", "mean", "std"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"--{name} says what becomes of --weights, and there are none")
        elif (self.mean is None) != (self.std is None):
            raise ValueError("--mean and --std belong together")
        elif self.head != "linear" and self.tune not in ("auto", "head"):
            raise ValueError(f"--head {self.head} answers from frozen features: --tune head")
        return self

    @property
    def run_name(self) -> str:
        """The name of the run folder: that of the data."""
        path = Path(self.data).absolute()
        name = path.name if path.is_dir() else path.stem
        kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.")
        return kept or "run"

    def recorded(self) -> dict[str, Any]:
        """Plain values for recipe.yaml: all that was asked, with what was chosen filled in."""
        return self.model_dump(mode="json", exclude=set(UNRECORDED))


class EvaluateRequest(Request):
    """Judge a run on its sealed test part, or on other labelled data.

    Each opening of the test part is logged and counted in the report: a part that has been looked
    at often is no longer a fair judge.
    """

    run: str = argument("Run folder, or its name under runs/.")
    data: str | None = argument(
        "Other labelled data; the run's own test part if left out.", default=None
    )
    output_dir: Path | None = option(
        None, "Where the report goes; RUN/evaluations/NAME by default.", "-o", "--output"
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps …")
    engine: EngineName = option("auto", "What runs the network; auto is the fastest that pays.")


class PredictRequest(Request):
    """Say what is on images: files, folders, globs such as "new/*.jpg", or - for a list on stdin.

    Files that cannot be read are listed at the end, and the exit code is then 3.
    """

    run: str = argument("Run folder, its name under runs/, or a model file.")
    files: tuple[str, ...] = argument("Images, folders, globs, or -.", default=(), variadic=True)
    top: int | None = option(
        None, "Classes to show for each image; one in the table and all in JSON if unset.",
        "-k", ge=1,
    )  # fmt: skip
    csv: Path | None = option(None, "Write the table to this CSV file (- for the terminal).")
    batch_size: int = option(64, "Images per batch.", "-b", ge=1)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps …")
    engine: EngineName = option("auto", "What runs the network; auto is the fastest that pays.")


class CompareRequest(Request):
    """Tell whether one run is better than another, on the test images that both were judged on."""

    run_a: str = argument("A run folder.")
    run_b: str = argument("Another one.")


class SummaryRequest(Request):
    """What every layer of a network gives, holds, costs and sees, and what is wrong with it.

    MODEL is an architecture of the zoo such as resnet18, a run, or a model file. Nothing is
    trained, downloaded or computed.
    """

    model: str = argument("Architecture, run folder, run name, or model file.")
    input: tuple[int, int, int] | None = option(
        None, "Height, width and channels of an image; the network's own by default."
    )
    image_size: int | None = option(
        None, "Side of a square image in pixels.", "--img-size", "--imgsz", ge=1
    )
    channels: int | None = option(None, "Channels of the image.", ge=1)
    classes: int | None = option(None, "Outputs of an architecture of the zoo.", ge=1)
    object_size: int | None = option(
        None, "Pixels that one output should see; warns where it sees less.", ge=1
    )
    svg: Path | None = option(None, "Draw the architecture into this SVG file.")


class ZooRequest(Request):
    """List the architectures of the zoo, or tell the story of one.

    NAME is an architecture, such as resnet18: its story, its stages and, with --svg, its drawing;
    or a pattern, such as "*net_v2*". Nothing is trained or downloaded; for weights see
    striate zoo pull --help.
    """

    name: str | None = argument("Architecture, or a pattern such as '*res*'.", default=None)
    sort: Literal[
        "year", "name", "weights", "multiply-adds", "receptive-field", "top5", "accuracy"
    ] = option("year", "What to sort the list by.")
    reverse: bool = option(False, "The other way round.", "--reverse", "-r")
    family: str | None = option(None, "Only this family, such as mobilenet_v2.")
    max_weights: int | None = option(None, "Only architectures of at most so many weights.", ge=1)
    max_multiply_adds: int | None = option(
        None, "Only architectures of at most so many multiply-adds for an image.", ge=1
    )
    published: bool = option(False, "Only architectures with published weights.")
    picture: Path | None = option(
        None, "Draw accuracy over work into this file (.png, .svg or .pdf)."
    )
    svg: Path | None = option(None, "Draw the architecture NAME into this SVG file.")

    @model_validator(mode="after")
    def _has_what_it_draws(self) -> Self:
        if self.svg is not None and (self.name is None or any(c in "*?[" for c in self.name)):
            raise ValueError("--svg draws one architecture: name it")
        if self.picture and self.picture.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ValueError("--picture needs a file that ends in .png, .svg or .pdf")
        return self


class ZooPullRequest(Request):
    """Fetch published weights of an architecture and keep them as a model file.

    The file goes to the cache (STRIATE_CACHE, else ~/.cache/striate) with the names of the
    classes and the preprocessing, ready for striate predict. A download that was interrupted goes
    on where it was; its checksum is compared with the published one.
    """

    name: str = argument("Architecture with published weights; striate zoo --published lists them.")
    source: str | None = option(None, "Whose weights: torchvision, timm or keras.")


class DataCheckRequest(Request):
    """Open and decode every file of a data set; report what is wrong. No file is changed."""

    data: str = argument("Folder, table, array file or built-in name.")
    task: Literal["auto", "single_label", "multi_label", "regression"] = option(
        "auto", "What the labels are; auto reads it off them."
    )
    pixel_cap: int = option(PIXEL_CAP, "Refuse pictures of more pixels, unopened.", ge=1)
    output: Path | None = option(None, "Write the full account to this JSON file.", "-o")


class DataSplitRequest(Request):
    """Part a data set into train, val and test; write split.csv for later runs."""

    data: str = argument("Folder, table, array file or built-in name.")
    output: Path = option(Path("split.csv"), "The file to write.", "-o")
    task: Literal["auto", "single_label", "multi_label", "regression"] = option(
        "auto", "What the labels are; auto reads it off them."
    )
    val: float = option(0.15, "Share of the images for validation.", gt=0, lt=1)
    test: float = option(0.15, "Share of the images for the test.", ge=0, lt=1)
    seed: int = option(0, "Fixes the draw.", ge=0)
    pixel_cap: int = option(PIXEL_CAP, "Refuse pictures of more pixels, unopened.", ge=1)

    @model_validator(mode="after")
    def _leaves_images(self) -> Self:
        check_shares(self.val, self.test)
        return self


class FilterRequest(Request):
    """Run a kernel over a picture and draw what it does: before, the numbers, after.

    Kernels: {kernels}; or your own, as rows with "/" between them:
    --kernel="0 1 0/1 -4 1/0 1 0".
    """

    image: Path = argument("The picture, of any format that can be read.")
    kernel: str = option("sobel", "A kernel by name, or its rows of numbers.", "-k")
    mode: Literal["correlation", "convolution"] = option(
        "correlation", "Lay the kernel on as it is, as networks do, or turned by 180°."
    )
    padding: Literal["reflect", "edge", "zero", "same", "valid"] = option(
        "reflect", "What lies outside the picture; valid leaves the border out."
    )
    grey: bool = option(False, "Make the picture grey first; else each channel is by itself.")
    side: int = option(
        480, "Longest side in pixels that a larger picture is shrunk to first; 0 keeps it.", ge=0
    )
    output: Path | None = option(
        None, "The PNG file to write; IMAGE-KERNEL.png here by default.", "-o"
    )


FilterRequest.__doc__ = (FilterRequest.__doc__ or "").format(kernels=", ".join(filters.NAMES))

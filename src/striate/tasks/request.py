"""What can be asked of the tasks: frozen, validated, written once.

The command line's flags, the docs and the checks are read from these fields. `positional` fields
are a command's arguments; `flags` are spellings that people know from other tools.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from striate import filters
from striate.errors import UsageError, unknown_name
from striate.explain import METHODS
from striate.training import Recipe

UNRECORDED = frozenset({"resume", "output_dir"})  # they say where, not what
IN_MEMORY = "<arrays>"  # stands for data that no string can name
RULES = {  # the checks of pydantic in our words
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "string_type": "must be a text",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "path_type": "must be a path",
}
AnyRequest = TypeVar("AnyRequest", bound=BaseModel)


def argument(help: str, *, default: Any = ..., variadic: bool = False) -> Any:
    """A field that is given by its place on the command line."""
    extra: dict[str, Any] = {"positional": True, "variadic": variadic}
    return Field(default, description=help, json_schema_extra=extra)


def option(default: Any, help: str, *flags: str, **limits: Any) -> Any:
    """A field that is given by a flag, with its limits (`ge`, `gt`, `le`, `lt`)."""
    extra: dict[str, Any] = {"flags": list(flags)}
    return Field(default, description=help, json_schema_extra=extra, **limits)


class Request(BaseModel):
    """The base of all requests: an unknown field is an error, and nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def ask(
    kind: type[AnyRequest],
    values: Mapping[str, Any],
    spelled: Callable[[str], str] = str,
) -> AnyRequest:
    """A request from plain values, checked.

    Args:
        spelled: a field's name as the person wrote it, such as `--batch-size`.
    Raises:
        UnknownName: the request has no such field; the nearest names are given.
        UsageError: a value breaks its rule; the field, the rule and the value are told.
    """
    for name in values:
        if name not in kind.model_fields:
            raise unknown_name("option", name, kind.model_fields)
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing":
        raise UsageError("usage-missing", f"{name.upper()} is missing.")
    rule = RULES.get(first["type"], first["msg"].removeprefix("Value error, "))
    rule = rule.format(**first.get("ctx", {}))
    said = f"{spelled(name)}: {rule}, got {first['input']!r}." if name else f"{rule}."
    raise UsageError("usage-value", said)


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
    pixel_cap: int = option(100_000_000, "Refuse pictures of more pixels, unopened.", ge=1)
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

    @model_validator(mode="after")
    def _leaves_images(self) -> Self:
        check_shares(self.val, self.test)
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
    pixel_cap: int = option(100_000_000, "Refuse pictures of more pixels, unopened.", ge=1)
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
    pixel_cap: int = option(100_000_000, "Refuse pictures of more pixels, unopened.", ge=1)

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


class ExplainRequest(Request):
    """Show what speaks for an answer: maps over photographs, or a gallery of a labelled data set.

    Methods: {methods}.

    With FILES, a picture for every image and method and explanations.json go to --out; what was
    done is kept when Ctrl-C comes. Files that cannot be read are listed at the end, and the exit
    code is then 3. With --gallery, one page shows typical, wrong and uncertain images of every
    class, each with maps and neighbours, and where the network looks on the whole.
    """

    run: str = argument("Run folder, its name under runs/, or a model file.")
    files: tuple[str, ...] = argument("Images, folders, globs, or -.", default=(), variadic=True)
    method: str = option("grad_cam", "Methods; several with commas between them.", "-m")
    target: str | None = option(
        None, "Class to explain, by name or number; the answer of the model if unset."
    )
    layer: str | None = option(
        None,
        "Layer to look at, such as stage3; the last that gives a map if unset.",
    )
    quality: str = option(
        "", "Measures of faithfulness, such as deletion,insertion; none if unset."
    )
    gallery: str | None = option(None, "Labelled data to write a gallery of, as for train.")
    each: int = option(4, "Images of each kind, for every class of the gallery.", ge=1)
    only: str | None = option(
        None, "Classes of the gallery, with commas between them; the 20 worst if unset."
    )
    out: Path = option(Path("explanations"), "Folder to write to.", "-o", "--output-dir")
    batch_size: int = option(8, "Images explained at a time.", "-b", ge=1)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps …")

    @model_validator(mode="after")
    def _has_one_subject(self) -> Self:
        if self.files and self.gallery is not None:
            raise ValueError("FILES and --gallery cannot be asked for at once")
        return self


ExplainRequest.__doc__ = (ExplainRequest.__doc__ or "").format(methods=", ".join(METHODS))


class EmbedRequest(Request):
    """Draw a map of images by what a network makes of them: its features at one layer.

    DATA is given as for train; its labels colour the map, and a folder without classes has a map
    by answers. Written are embeddings.parquet (path, label, predicted, vector, x, y), map.html, to
    be opened in a browser, and grid.png. When Ctrl-C comes, embeddings.parquet holds what is done.
    """

    run: str = argument("Run folder, its name under runs/, or a model file.")
    data: str = argument("Folder, table, array file, or a built-in name such as digits.")
    layer: str | None = option(
        None, "Layer to read, such as stage3; what the last layer is given if unset.", "--tap"
    )
    method: Literal["pca", "tsne", "umap"] = option(
        "tsne", "How vectors become points; umap needs pip install 'striate[explain]'.", "-m"
    )
    output_dir: Path = option(Path("embedding"), "Folder to write to.", "-o", "--output")
    seed: int = option(0, "Fixes the map.", ge=0)
    batch_size: int = option(64, "Images per batch.", "-b", ge=1)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps …")

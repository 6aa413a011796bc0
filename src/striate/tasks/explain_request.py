"""What can be asked of a network's inside: explanations, and maps of its features."""

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator

from striate.engines.names import EngineName
from striate.explain import METHODS
from striate.tasks.fields import Request, argument, option


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

    With --like, the images of DATA that the network finds most like each of those photographs are
    told, written to neighbours.json and drawn in neighbours.png.
    """

    run: str = argument("Run folder, its name under runs/, or a model file.")
    data: str = argument("Folder, table, array file, or a built-in name such as digits.")
    layer: str | None = option(
        None, "Layer to read, such as stage3; what the last layer is given if unset.", "--tap"
    )
    method: Literal["pca", "tsne", "umap"] = option(
        "tsne", "How vectors become points; umap needs pip install 'striate[explain]'.", "-m"
    )
    like: Path | None = option(
        None, "A photograph, a folder or a glob in quotes; finds the images of DATA most like them."
    )
    top: int = option(5, "Images to find for each photograph of --like.", "-k", ge=1, le=1000)
    output_dir: Path = option(Path("embedding"), "Folder to write to.", "-o", "--output")
    seed: int = option(0, "Fixes the map.", ge=0)
    batch_size: int = option(64, "Images per batch.", "-b", ge=1)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps …")
    engine: EngineName = option("auto", "What runs the network; auto is the fastest that pays.")

"""What can be asked of a comparison of ways to reuse what was learnt."""

import re
import shlex
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from striate.tasks.fields import argument, option
from striate.tasks.request import TUNES, UNRECORDED, TrainRequest

SCRATCH = "scratch"
FREE = UNRECORDED | {"data", "ways", "seeds", "no_probe", "workers", "split"}  # may change


def _fixed(default: Any) -> Any:
    """A field of a training that the comparison itself sets."""
    return Field(default, json_schema_extra={"hidden": True})


class TransferRequest(TrainRequest):
    """Compare ways to reuse weights: from scratch, the head alone, everything; over several seeds.

    Every way is trained once a seed on the same split and judged on the same test images. One
    page, transfer.html, says which way is best, by how much, whether that may be chance, and what
    each costs in time; transfer.json has the numbers. A probe tells at which stage of the network
    the classes can already be told apart, with the weights and without.

    When Ctrl-C comes, the trainings that are done are kept and shown; the same call goes on with
    what is missing. So does a call with more --seeds or other --ways.
    """

    data: str = argument("Folder, table, array file, or a built-in name such as digits.")
    model: str = option("auto", "Architecture of the weights; auto takes it from a run's file.")
    weights: str | None = option(
        "pretrained", "Weights to start from: pretrained, a run, a model file, or a foreign file."
    )
    ways: str = option(
        "scratch,head,all", "Ways with commas between them: scratch, head, last:N, gradual, all."
    )
    seeds: int = option(3, "Trainings of each way, each with another seed.", ge=1, le=100)
    no_probe: bool = option(False, "Leave the probe of the stages out.")
    output_dir: Path | None = option(
        Path("transfer"), "Folder to write to; what is done there is not done again.",
        "-o", "--output",
    )  # fmt: skip
    tune: str = _fixed("auto")
    resume: bool = _fixed(False)

    @model_validator(mode="after")
    def _has_known_ways(self) -> Self:
        chosen = self.chosen_ways
        if self.tune != "auto" or self.resume:
            raise ValueError("--ways says what is tuned, and a second call goes on by itself")
        for way in chosen:
            if way not in (SCRATCH, *TUNES) and not re.fullmatch(r"last:[1-9]\d*", way):
                known = ", ".join((SCRATCH, *TUNES))
                raise ValueError(f"--ways: {way!r} is none of {known}, last:N")
        if not chosen or len(set(chosen)) < len(chosen):
            raise ValueError("--ways must name each way once, and at least one")
        if self.weights is None and set(chosen) != {SCRATCH}:
            raise ValueError("--ways other than scratch need --weights")
        return self

    @property
    def chosen_ways(self) -> tuple[str, ...]:
        """The ways in the order they were named."""
        return tuple(way.strip() for way in self.ways.split(",") if way.strip())

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return self.output_dir or Path("transfer")

    def training(self, way: str, seed: int, split: Path) -> TrainRequest:
        """What is asked of one training; its folder is inside this comparison's."""
        left_out = {"seed", "split", "output_dir", "resume"}
        if way not in ("head", "auto"):
            left_out |= {"head", "views"}
        if way == SCRATCH:
            left_out |= {"weights", "mean", "std"}
        values: dict[str, Any] = {} if way in (SCRATCH, "auto") else {"tune": way}
        for name, field in TrainRequest.model_fields.items():
            if name not in left_out | {"tune"} and getattr(self, name) != field.default:
                values[name] = getattr(self, name)  # what was asked for, so that a run can go on
        folder = self.run_folder(way, seed)
        return TrainRequest(**values, seed=seed, split=split, output_dir=folder)

    def run_folder(self, way: str, seed: int) -> Path:
        """Where one training goes."""
        return self.folder / "runs" / f"{way.replace(':', '-')}-seed{seed}"

    @property
    def command(self) -> str:
        """The command line that asks for the same."""
        words = ["striate", "transfer", shlex.quote(self.data)]
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name == "data" or value == field.default:
                continue
            words.append(f"--{name.replace('_', '-')}")
            parts = value if isinstance(value, tuple) else () if value is True else (value,)
            words += [shlex.quote(str(part)) for part in parts]
        return " ".join(words)

    def asked(self) -> dict[str, Any]:
        """Plain values that must stay when a call goes on."""
        return self.model_dump(mode="json", exclude=set(FREE))

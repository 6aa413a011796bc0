"""What a row of the results is: contestants that do the same job, and the figures asked of them."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

from benchmarks.environments import OURS

# For contestants on torch: glibc keeps the memory of large activations between steps, which saves
# the page faults of the next step. Striate does this by itself.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}


@dataclass(frozen=True)
class Contestant:
    """A script of `benchmarks.contestants`, or a command, run as a process of its own.

    Before the rounds it is run once with `--warm`: it imports its libraries, so that the disk has
    been read, makes what it needs in the folder `--kept`, and ends.

    Args:
        name: what the table calls it.
        script: the module's name. It prints its figures as one line of JSON, last.
        arguments: what the script is given besides `--data`, `--kept` and `--seed`.
        command: a program of the environment and its arguments, in place of the script, which then
            only makes what is needed; {data} and {kept} in it stand for those folders.
        environment: of `environments.ENVIRONMENTS`, or ours.
        ours: whether it is Striate; the first of ours is what is compared.
        variables: of the environment of the process, such as KERAS_BACKEND.
        quick: whether it runs in a quick race, too.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    _: KW_ONLY
    command: tuple[str, ...] = ()
    environment: str = OURS
    ours: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    quick: bool = True


@dataclass(frozen=True)
class Figure:
    """One number of every contestant; less is better.

    Args:
        key: "wall" (s) or "memory" (MiB) of the whole process tree, else what the scripts print.
        unit: as shown; times are seconds, and shown a thousandfold in "ms".
        target: the largest ratio of ours to the best peer's that is aimed at.
        limit: the largest value of ours that is aimed at, as measured.
        operations: floating point operations in that time: tells the share of the ceiling.
    """

    key: str
    title: str
    unit: str = "s"
    target: float | None = None
    limit: float | None = None
    operations: float | None = None

    @property
    def scale(self) -> float:
        """What is measured times this is what is shown."""
        return 1000.0 if self.unit == "ms" else 1.0


@dataclass(frozen=True)
class Row:
    """A job, its contestants and its figures.

    Args:
        data: folders and files under the data folder without which the row cannot run.
        gate: the least accuracy, 0..1; who stays below does not count as the best peer.
        test_images: how many images an accuracy was counted on, for its interval.
        note: a sentence for the reader of the table.
        gpu: whether it needs a GPU; without one it is "not measured".
        quick: further arguments of all scripts for a quick run.
        limit: after so many seconds a process is ended and counts as failed.
    """

    name: str
    title: str
    contestants: tuple[Contestant, ...]
    figures: tuple[Figure, ...]
    data: tuple[str, ...] = ()
    gate: float | None = None
    test_images: int | None = None
    note: str = ""
    gpu: bool = False
    quick: tuple[str, ...] = ()
    limit: float = 900

    @property
    def ours(self) -> Contestant:
        return next(contestant for contestant in self.contestants if contestant.ours)

"""Which folder a training writes to: found, checked and locked before anything else happens."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from striate.errors import RunError, UsageError
from striate.tasks.request import UNRECORDED, TrainRequest
from striate.tasks.run_folder import RUNS, RunFolder
from striate.training import Ranks, RunLock, changed_settings, from_first


@contextmanager
def claimed(request: TrainRequest) -> Iterator[RunFolder]:
    """Hold `output_dir`, or the first of runs/NAME, runs/NAME-2, … that no run has.

    Raises:
        UsageError: the folder holds a run already, or lies inside the data.
        RunError: another process trains in it.
    """
    with ExitStack() as held:
        if request.output_dir is None:
            folder = _first_free(request, held)
        else:
            folder = RunFolder(request.output_dir)
            _refuse_inside_data(folder, request)
            if not request.resume:
                _refuse_used(folder)
            held.enter_context(RunLock(folder.path))
        yield folder


@contextmanager
def claimed_by_first(request: TrainRequest, ranks: Ranks | None) -> Iterator[RunFolder]:
    """`claimed`, swept, by the first of several processes; the others get to know the folder."""
    with ExitStack() as held:

        def claim() -> RunFolder:
            folder = held.enter_context(claimed(request))
            folder.remove_leftovers()
            return folder

        yield from_first(ranks, claim)


def to_resume(request: TrainRequest) -> TrainRequest:
    """The request that a run folder recorded, to go on there.

    Raises:
        UsageError: the training has ended, or something else is asked for now.
        RunError: there is no unfinished run of these data.
    """
    folder = RunFolder(request.output_dir) if request.output_dir else _last_unfinished(request)
    here: dict[str, Any] = {"output_dir": folder.path, "resume": True}
    if not folder.started:
        return request.model_copy(update=here)  # stopped before it began: start
    if folder.finished:
        raise UsageError(
            "run-finished",
            f"The training in {folder.path} has ended.",
            f"See {folder.page}, or train afresh in another --output-dir.",
        )
    recorded = TrainRequest.model_validate(folder.read_recipe())
    given = {name: getattr(request, name) for name in request.model_fields_set}
    asked = {name: value for name, value in given.items() if value not in (None, "auto")}
    if Path(request.data).absolute() == Path(recorded.data).absolute():
        del asked["data"]
    wanted = recorded.model_copy(update=asked)
    if changed := changed_settings(recorded.model_dump(exclude=set(UNRECORDED)), wanted):
        raise UsageError(
            "run-resume-changed",
            f"To go on with {folder.path}, its settings must stay: {'; '.join(changed)}.",
            "Leave these options out, or train afresh in another --output-dir.",
        )
    return wanted.model_copy(update=here)


def _first_free(request: TrainRequest, held: ExitStack) -> RunFolder:
    """Lock the first folder of that name that no run has and nobody holds."""
    for number in range(1, 100_000):
        name = request.run_name if number == 1 else f"{request.run_name}-{number}"
        folder = RunFolder(RUNS / name)
        if folder.started:
            continue
        _refuse_inside_data(folder, request)
        try:
            with ExitStack() as trial:
                trial.enter_context(RunLock(folder.path))
                if folder.started:  # by somebody who was quicker
                    continue
                held.push(trial.pop_all())
        except RunError:
            continue
        return folder
    raise RunError("run-too-many", f"{RUNS} is full.", "Choose a folder with --output-dir.")


def _refuse_used(folder: RunFolder) -> None:
    if folder.started:
        state = "a finished run" if folder.finished else "an unfinished run"
        way = "." if folder.finished else ", or go on with it by --resume."
        raise UsageError(
            "run-exists",
            f"{folder.path} already holds {state}.",
            f"Choose another --output-dir{way}",
        )
    in_the_way = [file.name for file in folder.files if file.exists()]
    if in_the_way and not folder.lock.exists():  # no training that failed to begin was here
        raise UsageError(
            "run-overwrites",
            f"{folder.path} holds {', '.join(in_the_way)} of other origin.",
            "Choose another --output-dir, or move them away.",
        )


def _refuse_inside_data(folder: RunFolder, request: TrainRequest) -> None:
    """A run among the images would be taken for a class by the next training."""
    root = Path(request.data)
    if root.is_dir() and folder.path.resolve().is_relative_to(root.resolve()):
        elsewhere = root.resolve().parent / "runs" / request.run_name
        raise UsageError(
            "run-inside-data",
            f"The run folder {folder.path} would lie inside the data folder {root.resolve()}.",
            f"Choose a folder elsewhere: --output-dir {shlex.quote(str(elsewhere))}",
        )


def _last_unfinished(request: TrainRequest) -> RunFolder:
    """The newest unfinished runs/NAME or runs/NAME-N."""
    name = request.run_name
    found = [RunFolder(path) for path in (RUNS / name, *RUNS.glob(f"{name}-*"))]
    open_runs = [run for run in found if run.started and not run.finished]
    if not open_runs:
        raise RunError(
            "run-nothing-to-resume",
            f"There is no unfinished run of {request.data} in {RUNS}/.",
            "Name its folder with --output-dir, or leave --resume out to start afresh.",
        )
    return max(open_runs, key=lambda run: run.recipe.stat().st_mtime)

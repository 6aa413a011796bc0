"""A process that trains in children which others kill: torch is imported once, then forked.

Says `ready`, then reads commands from standard input and answers each with a line of JSON:
`train FOLDER CHECKPOINT_STEPS KILL_AFTER SIGNAL` forks a child that trains in FOLDER, resuming
what is there; after KILL_AFTER seconds (negative: never) the child gets SIGNAL. The answer has
the child's exit status, negative for a signal, and what the child wrote to FOLDER/result.json.
"""

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from small_training import small_fit, small_network, small_recipe
from striate.training import Checkpoints, RunLock, StopSignal

Job = Callable[[Path, int], int]  # (folder, steps between checkpoints) -> exit code
STEPS = 240  # of about 2 ms


def tensors_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """One hash over all weights and buffers."""
    parts = [tensors[name].contiguous().numpy().tobytes() for name in sorted(tensors)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def train(folder: Path, checkpoint_steps: int) -> int:
    """Train, resume what is there, and write what came of it; the exit code."""
    recipe = small_recipe(
        epochs=STEPS // 6, ema=0.95, patience=30, checkpoint_steps=checkpoint_steps
    )
    network = small_network()
    with RunLock(folder), StopSignal() as stop:
        (folder / "started").touch()
        result = small_fit(
            network, recipe, checkpoints=Checkpoints(folder / "checkpoints"), resume=True, stop=stop
        )
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]
    told = {
        "outcome": result.outcome,
        "steps": result.steps,
        "hash": tensors_hash(network.state_dict()),
    }
    (folder / "result.json").write_text(json.dumps({**told, "history": history}))
    return stop.exit_code


def forked(job: Job, folder: Path, checkpoint_steps: int, kill_after: float, number: int) -> int:
    """The exit status of a child that does the job and, in time, is killed."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = job(folder, checkpoint_steps)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill_after >= 0:
        while not (folder / "started").exists():
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break  # it ended before it started
            time.sleep(0.001)
        time.sleep(kill_after)
        os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(job: Job, warm_up: Callable[[], object]) -> None:
    """Answer commands; torch and others import much at first use, so warm up before forking."""
    torch.set_num_threads(1)
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        _, name, steps, after, number = line.split()
        folder = Path(name)
        for old in ("started", "result.json"):
            (folder / old).unlink(missing_ok=True)
        status = forked(job, folder, int(steps), float(after), getattr(signal, number))
        result = folder / "result.json"
        answer = json.loads(result.read_text()) if result.exists() else {}
        print(json.dumps({"status": status, **answer}), flush=True)


if __name__ == "__main__":
    main(train, lambda: small_fit(small_network(), small_recipe(epochs=1)))

"""`striate train mnist --epochs N`, as typed in a shell, its report and page included."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.contestants.asked import answer, asked, parser


def main() -> None:
    options = parser()
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--model", default="auto")
    request = asked(options)
    striate = Path(sys.executable).with_name("striate")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            *(str(striate), "train", str(request.data / "mnist"), "--model", request.model),
            *("--epochs", str(request.epochs), "--seed", str(request.seed)),
            *("--output", str(run), "--quiet"),
        ]
        if code := subprocess.run(command, stdout=sys.stderr).returncode:
            sys.exit(code)
        accuracy = json.loads((run / "report.json").read_text())["metrics"]["accuracy"]["value"]
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    trained = max(each["time"] for each in events if each["event"] == "EpochEnded")
    answer(accuracy=accuracy, epochs=request.epochs, training=trained - events[0]["time"])


if __name__ == "__main__":
    main()

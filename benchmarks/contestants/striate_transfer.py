"""`striate train DATA --weights FILE --tune head`, as typed in a shell."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.contestants.asked import answer, asked, parser


def main() -> None:
    options = parser()
    options.add_argument("--model", default="squeezenet1_1")
    options.add_argument("--weights", default="squeezenet1_1-imagenet.safetensors")
    options.add_argument("--epochs", type=int, help="as Striate chooses if left out")
    request = asked(options)
    striate = Path(sys.executable).with_name("striate")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            *(str(striate), "train", str(request.data / "cats-dogs"), "--model", request.model),
            *("--weights", str(request.data / "weights" / request.weights), "--tune", "head"),
            *("--seed", str(request.seed), "--output", str(run), "--quiet"),
        ]
        if request.epochs:
            command += ["--epochs", str(request.epochs)]
        if code := subprocess.run(command, stdout=sys.stderr).returncode:
            sys.exit(code)
        accuracy = json.loads((run / "report.json").read_text())["metrics"]["accuracy"]["value"]
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    trained = max(each["time"] for each in events if each["event"] == "EpochEnded")
    begun = next(each["time"] for each in events if each.get("code") == "train-frozen-part")
    answer(training=trained - events[0]["time"], epochs=trained - begun, accuracy=accuracy)


if __name__ == "__main__":
    main()

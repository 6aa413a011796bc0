"""What a comparison of ways keeps from call to call: what was asked, on which images, how long."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from striate.errors import DataError, UsageError
from striate.files import canonical_json, parse_json, write_atomic
from striate.tasks.transfer_request import TransferRequest

NAME = "trainings.json"


@dataclass
class Ledger:
    """Written after every training, so that nothing done is lost or done again.

    Args:
        asked: the settings that all trainings share.
        images: SHA-256 over the names and contents of the images.
        seconds: by the name of a training's folder: how long it took, all calls together.
        failed: by the same name, why it could not be trained.
        probe: the content of the page's probe; None before it is made.
    """

    path: Path
    asked: dict[str, Any]
    images: str
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    probe: dict[str, Any] | None = None

    def add(self, name: str, seconds: float) -> None:
        """Count time for a training, and write."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.write()

    def write(self) -> None:
        content = {key: value for key, value in vars(self).items() if key != "path"}
        write_atomic(self.path, canonical_json(content))


def open_ledger(request: TransferRequest, images: str) -> Ledger:
    """The ledger of the folder, or a new one.

    Raises:
        UsageError: other settings are asked for than those that were trained with.
        DataError: the images are not those of the first call.
    """
    path = request.folder / NAME
    asked = json.loads(json.dumps(request.asked()))
    if not path.is_file():
        ledger = Ledger(path, asked, images)
        ledger.write()
        return ledger
    ledger = Ledger(path=path, **parse_json(path.read_text(encoding="utf-8"), str(path)))
    old, keys = ledger.asked, sorted({*ledger.asked, *asked})
    changed = [f"{k}: {old.get(k)} → {asked.get(k)}" for k in keys if old.get(k) != asked.get(k)]
    if changed:
        raise UsageError(
            "transfer-changed",
            f"{request.folder} compares ways under other settings: {'; '.join(changed)}.",
            "Leave these options as they were, or choose another --output-dir.",
        )
    if ledger.images != images:
        raise DataError(
            "transfer-data-changed",
            f"The images are not those that the comparison in {request.folder} began with.",
            "Put them back, or choose another --output-dir.",
        )
    return ledger

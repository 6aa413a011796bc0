"""Every example runs, ends as it says it does, and leaves its picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ("max_vs_average_pooling", "stripes")
SLOW = ("fine_tuning", "neighbours", "plain_vs_residual", "shuffled_pixels")


def test_every_example_is_listed() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py")} - {"common"}
    assert scripts == {*QUICK, *SLOW}


@pytest.mark.timeout(900)  # a minute or less each where nothing else runs
@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_example(name: str, tmp_path: Path) -> None:
    picture = tmp_path / f"{name}.png"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), "--output", str(picture)],
        capture_output=True,
        text=True,
        cwd=EXAMPLES.parent,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Picture: {picture}" in done.stdout
    with Image.open(picture) as image:
        assert min(image.size) > 300

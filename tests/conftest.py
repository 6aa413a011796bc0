"""What every test may use."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from striate.tasks.run import Run

REAL_DATA = Path(os.environ.get("STRIATE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; tests that need it are skipped, loudly, where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {REAL_DATA} (set STRIATE_TEST_DATA)")
    return REAL_DATA


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the person's cache."""
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three classes of small pictures, with a broken one and a hidden one; not to be
    changed."""
    from small_pictures import write_pictures

    return write_pictures(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A finished training on `pictures`; not to be changed: `shutil.copytree` it first."""
    import torch

    from small_pictures import train_small

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIATE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        run = train_small(pictures, tmp_path_factory.mktemp("runs") / "colours")
    torch.set_num_threads(threads)
    return run

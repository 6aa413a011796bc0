"""Which engine the verbs ask: the fastest for other images, the network itself for reports."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import striate as st
from small_pictures import picture
from striate import answering, inference
from striate.cli import run as command
from striate.engines import CONVERTERS
from striate.tasks.evaluate import carry_out
from striate.tasks.request import EvaluateRequest

needs_openvino = pytest.mark.skipif(
    not CONVERTERS["openvino"].installed(),
    reason="OPENVINO ABSENT: pip install 'striate[openvino]'",
)


@pytest.fixture
def run(trained, tmp_path) -> st.Run:
    """A copy that may be written to."""
    return st.open_run(shutil.copytree(trained.folder, tmp_path / "run"))


@pytest.fixture
def photographs(tmp_path) -> str:
    for colour in ("red", "green"):
        folder = tmp_path / "more" / colour
        folder.mkdir(parents=True)
        for number in range(100, 106):
            picture(colour, number).save(folder / f"{number}.png")
    return str(tmp_path / "more")


@pytest.fixture
def engines(monkeypatch) -> list[str]:
    """The engine of every pass, in order."""
    asked: list[str] = []

    def spy(network, batches, asking=inference.BY_TORCH):
        asked.append(asking.engine)
        return inference.network_outputs(network, batches, asking)

    monkeypatch.setattr(answering, "network_outputs", spy)
    return asked


def test_a_report_is_had_again_to_the_last_bit(run, trained, engines, photographs) -> None:
    again = carry_out(EvaluateRequest(run=str(run.folder)))
    assert engines == ["torch"]
    first = pq.read_table(trained.folder / "predictions.parquet").to_pylist()
    second = pq.read_table(again.folder / "predictions.parquet").to_pylist()
    assert [row for row in first if row["split"] == "test"] == second
    carry_out(EvaluateRequest(run=str(run.folder), data=photographs))
    assert engines == ["torch", "auto"]


@needs_openvino
def test_who_names_an_engine_gets_it(run, engines, photographs, monkeypatch, capsys) -> None:
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    place = str(run.folder)
    own = carry_out(EvaluateRequest(run=place))
    named = carry_out(EvaluateRequest(run=place, engine="openvino"))
    monkeypatch.setenv("STRIATE_ENGINE", "openvino")
    carry_out(EvaluateRequest(run=place))
    assert engines == ["torch", "openvino", "openvino"]
    for name, estimate in own.report.metrics.items():
        assert named.report.metrics[name].value == pytest.approx(estimate.value, abs=1e-4)
    monkeypatch.delenv("STRIATE_ENGINE")
    found = []
    for engine in ("torch", "openvino"):
        assert command(["predict", place, photographs, "--json", "--engine", engine]) == 0
        rows = json.loads(capsys.readouterr().out)["predictions"]
        found.append([list(row["probabilities"].values()) for row in rows])
    assert engines[3:] == ["torch", "openvino"]
    np.testing.assert_allclose(*found, atol=1e-4)


@needs_openvino
def test_a_map_is_of_the_same_vectors(run, photographs, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    tables = []
    for engine in ("torch", "openvino"):
        out = tmp_path / engine
        asked = ["embed", str(run.folder), photographs, "-o", str(out), "--engine", engine]
        assert command([*asked, "--method", "pca", "--json"]) == 0
        tables.append(pq.read_table(out / "embeddings.parquet").to_pydict())
    vectors = [np.array(table["vector"]) for table in tables]
    np.testing.assert_allclose(*vectors, rtol=1e-4, atol=1e-4)
    assert (vectors[0] != vectors[1]).any(), "it was another engine"
    assert tables[0]["predicted"] == tables[1]["predicted"]


def test_an_engine_that_is_not_there_is_wrong_usage(run, photographs, monkeypatch, capsys) -> None:
    monkeypatch.setenv("STRIATE_OPENVINO", "0")
    assert command(["predict", str(run.folder), photographs, "--engine", "openvino"]) == 2
    assert "usage-engine-missing" in capsys.readouterr().err
    assert command(["predict", str(run.folder), photographs, "--engine", "cuda"]) == 2
    assert "--engine" in capsys.readouterr().err

"""Embedding a data set: the table holds what the network makes of it, the map shows all of it."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from small_pictures import COLOURS, EACH
from striate.errors import DataError, UnknownName
from striate.explain import embeddings
from striate.tasks.embed import carry_out, embed
from striate.tasks.explain_request import EmbedRequest
from striate.training import Notice, StageProgress

COUNT = len(COLOURS) * EACH


def ask(trained, data, folder, **options):
    return EmbedRequest(
        run=str(trained.folder), data=str(data), output_dir=folder,
        **{"method": "pca", "device": "cpu", **options},
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(trained, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embedding")
    events = []
    return carry_out(ask(trained, pictures, folder), on_event=events.append), folder, events


def test_the_table_has_a_row_an_image(done, trained, pictures) -> None:
    found, folder, _ = done
    table = pq.read_table(folder / "embeddings.parquet")
    assert table.column_names == ["path", "label", "predicted", "vector", "x", "y"]
    assert table.num_rows == found.images == found.total == COUNT
    assert not found.interrupted
    assert {name.split("/")[0] for name in table["path"].to_pylist()} == set(COLOURS)
    labels = [name.split("/")[0] for name in table["path"].to_pylist()]
    assert table["label"].to_pylist() == labels
    assert set(table["predicted"].to_pylist()) <= set(COLOURS)
    assert table.schema.metadata[b"method"] == b"pca"

    row = table["path"].to_pylist().index("blue/003.png")
    model = trained.model
    image = model.preprocessing([Image.open(pictures / "blue" / "003.png")])
    wanted = embeddings(model.network, image)[0].numpy()
    np.testing.assert_allclose(table["vector"][row].as_py(), wanted, rtol=1e-4, atol=1e-5)
    assert len(wanted) == found.dimensions
    with torch.inference_mode():
        answer = model.classes[int(model.network.eval()(image).argmax())]
    assert table["predicted"][row].as_py() == answer


def test_the_map_and_the_grid_are_written(done) -> None:
    found, folder, events = done
    assert set(found.places) == {"embeddings", "map", "grid"}
    page = (folder / "map.html").read_text()
    assert f"{COUNT} images" in page
    assert "blue/003.png" in page
    with Image.open(folder / "grid.png") as grid:
        assert grid.size == (7 * 64, 7 * 64)
    assert -1 <= found.silhouette <= 1
    stages = {event.stage for event in events if isinstance(event, StageProgress)}
    assert "Embedding the images" in stages
    assert [e.sentence for e in events if isinstance(e, Notice)] == [
        "1 image left out: not readable."
    ]


def test_a_tap_by_its_short_name(trained, pictures, tmp_path) -> None:
    name, path = next(iter(trained.model.network.taps().items()))
    found = carry_out(ask(trained, pictures, tmp_path, layer=name))
    assert found.layer == path
    with pytest.raises(UnknownName, match="nowhere"):
        carry_out(ask(trained, pictures, tmp_path, layer="nowhere"))


def test_a_folder_without_classes_has_a_map_by_answers(trained, pictures, tmp_path) -> None:
    events = []
    flat = pictures / "blue"
    found = carry_out(ask(trained, flat, tmp_path), on_event=events.append)
    assert found.images == EACH
    assert any(e.code == "data-unlabelled" for e in events if isinstance(e, Notice))
    assert set(pq.read_table(tmp_path / "embeddings.parquet")["label"].to_pylist()) == {""}
    with pytest.raises(DataError):
        carry_out(ask(trained, tmp_path / "missing", tmp_path))


@pytest.mark.parametrize("stage", ["Embedding the images", "Laying out the map (pca)"])
def test_an_interruption_keeps_what_is_done(trained, pictures, tmp_path, stage) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so in a shell's background jobs
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(event) -> None:
        if isinstance(event, StageProgress) and event.stage == stage:
            os.kill(os.getpid(), signal.SIGINT)

    found = carry_out(ask(trained, pictures, tmp_path, batch_size=8), on_event=press)
    table = pq.read_table(tmp_path / "embeddings.parquet")
    assert found.interrupted
    assert table.num_rows == found.images == (8 if stage.startswith("Emb") else COUNT)
    assert table["x"].null_count == table.num_rows
    assert not (tmp_path / "map.html").exists()


def test_from_python_with_few_images_on_the_page(trained, pictures, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("striate.tasks.embedding_map.MOST_SHOWN", 10)
    found = embed(
        trained.folder, pictures, progress=False, output_dir=tmp_path, method="pca", device="cpu"
    )
    assert pq.read_table(tmp_path / "embeddings.parquet").num_rows == COUNT
    assert f"10 images of {COUNT}" in (tmp_path / "map.html").read_text()
    assert found.to_json()["images"] == COUNT


def test_the_images_most_like_a_photograph(trained, pictures, tmp_path) -> None:
    asked = tmp_path / "photographs"
    asked.mkdir()
    for name in ("blue/003.png", "red/001.png"):
        with Image.open(pictures / name) as image:
            image.save(asked / name.replace("/", "-"))
    (asked / "words.png").write_text("words")
    events = []
    found = carry_out(
        ask(trained, pictures, tmp_path / "out", like=asked, top=3), on_event=events.append
    )
    assert [Path(each.image).name for each in found.alike] == ["blue-003.png", "red-001.png"]
    table = pq.read_table(tmp_path / "out" / "embeddings.parquet")
    vectors = np.stack(table["vector"].to_numpy())
    for each, own in zip(found.alike, ("blue/003.png", "red/001.png"), strict=True):
        assert each.neighbours[0].path == own
        assert each.neighbours[0].distance == pytest.approx(0, abs=1e-5)
        row = table["path"].to_pylist().index(own)
        norms = np.linalg.norm(vectors, axis=1)
        distances = 1 - vectors @ vectors[row] / (norms * norms[row])
        near = [neighbour.distance for neighbour in each.neighbours]
        np.testing.assert_allclose(near, np.sort(distances)[:3], atol=1e-5)
        assert [n.path.split("/")[0] for n in each.neighbours] == [n.label for n in each.neighbours]
    kept = json.loads((tmp_path / "out" / "neighbours.json").read_text())
    assert kept["images"] == json.loads(json.dumps(found.to_json()["alike"]))
    assert kept["images"][0]["neighbours"][0]["path"] == "blue/003.png"
    with Image.open(tmp_path / "out" / "neighbours.png") as picture:
        assert picture.size == (4 * 118 + 30, 2 * 118 + 6)
    assert {"alike json", "alike png", "map"} <= set(found.places)
    assert [e.sentence for e in events if isinstance(e, Notice)].count(
        "1 image left out: not readable."
    ) == 2  # one of the data, one of the photographs


def test_photographs_that_are_not_there_are_told_before_anything_is_done(
    trained, pictures, tmp_path
) -> None:
    with pytest.raises(DataError, match="no image in"):
        carry_out(ask(trained, pictures, tmp_path / "out", like=tmp_path / "none.png"))
    assert not (tmp_path / "out").exists()

"""What is kept is found again, and nothing that is damaged or of another network is."""

from pathlib import Path

import pytest
import torch

from engines.small import network
from striate.engines import shelf as module
from striate.engines.shelf import Finding, Shelf, digest, shelf_for

FOUND = Finding("openvino", {"torch": 0.02, "openvino": 0.01}, 0.5)
SHAPE = (3, 8, 8)


def test_a_finding_is_found_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one")
    assert shelf.finding() is None
    shelf.remember(FOUND)
    assert shelf.finding() == FOUND


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format":9,"fastest":"torch","seconds":{"torch":1},"opening":0}',
     '{"format":1,"fastest":"onnx","seconds":{"torch":1},"opening":0}', '{"format":1}'],
)  # fmt: skip
def test_a_damaged_finding_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "finding.json").write_text(text)
    assert Shelf(tmp_path).finding() is None


def test_a_converted_network_is_whole_or_absent(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one")

    def write(path: Path) -> None:
        path.write_bytes(b"layers")
        path.with_suffix(".bin").write_bytes(b"weights")

    kept = shelf.keep("openvino", "network.xml", write)
    assert shelf.converted("openvino", "network.xml") == kept
    assert kept.read_bytes() == b"layers"
    assert shelf.converted("onnx", "network.xml") is None
    kept.with_suffix(".bin").write_bytes(b"weighTs")
    assert shelf.converted("openvino", "network.xml") is None


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one")

    def write(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("no such operation")

    with pytest.raises(RuntimeError, match="no such operation"):
        shelf.keep("openvino", "network.xml", write)
    assert list(shelf.folder.iterdir()) == []


def test_the_least_recently_used_go_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 250)
    for number, name in enumerate(["old", "older", "new"]):
        Shelf(tmp_path / name).keep("e", "n.x", lambda path: path.write_bytes(bytes(20)))
        import os

        os.utime(tmp_path / name, (1000 - number, 1000 - number))
        if name == "new":
            os.utime(tmp_path / name)
    last = Shelf(tmp_path / "last")
    last.keep("e", "n.x", lambda path: path.write_bytes(bytes(20)))
    assert last.converted("e", "n.x") is not None
    assert Shelf(tmp_path / "new").converted("e", "n.x") is not None
    assert Shelf(tmp_path / "older").converted("e", "n.x") is None


def test_leaving_one_engine_deletes_the_others(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one")
    for engine in ("openvino", "onnx"):
        shelf.keep(engine, "n.x", lambda path: path.write_bytes(b"x"))
    shelf.remember(FOUND)
    shelf.leave("openvino")
    assert shelf.converted("openvino", "n.x") is not None
    assert shelf.converted("onnx", "n.x") is None
    assert shelf.finding() == FOUND


def test_each_network_has_its_own_shelf(tmp_path: Path, monkeypatch) -> None:
    def place(net=None, shape=SHAPE, engines=None) -> Path:
        return shelf_for(tmp_path, net or network(), shape, engines or {}).folder

    first = place()
    assert place() == first
    other_layers = network()
    other_layers[2] = torch.nn.Tanh()
    assert len({first, place(network(1)), place(other_layers), place(shape=(3, 9, 9)),
                place(engines={"openvino": "1"})}) == 5  # fmt: skip
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
    assert place() != first


def test_the_digest_is_of_every_number_and_name() -> None:
    net = network()
    first = digest(net)
    assert digest(network()) == first
    with torch.no_grad():
        net[5].weight[4, 17] += 1e-6
    assert digest(net) != first
    layout = network()
    layout[0].weight.data = layout[0].weight.data.to(memory_format=torch.channels_last)
    assert len(digest(layout)) == 64

"""ONNX Runtime runs what was exported, for any number of images."""

import logging

import pytest
import torch

from engines.small import answers, images, network
from striate.engines import onnx
from striate.engines.folding import folded_copy


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the exporter, which is being rebuilt upstream
@pytest.mark.skipif(not onnx.installed(), reason="ONNX ABSENT: pip install 'striate[onnx]'")
def test_the_file_answers_as_the_network(tmp_path, capfd) -> None:
    net = network().eval()
    with torch.no_grad():
        onnx.write(folded_copy(net, images(1)), images(1), tmp_path / "network.onnx")
    engine = onnx.opened(tmp_path / "network.onnx")
    for count in (1, 6, 3, 1):
        for layout in (torch.contiguous_format, torch.channels_last):
            given = images(count).contiguous(memory_format=layout)
            torch.testing.assert_close(engine(given), answers(net, given), rtol=1e-5, atol=1e-5)
    assert capfd.readouterr().out == ""


def test_it_needs_all_of_its_parts(monkeypatch) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda name: name != "onnxscript")
    assert onnx.installed() is None


def test_the_exporters_noise_is_kept_back(capsys, caplog) -> None:
    with onnx.quiet():
        print("[torch.onnx] Obtain model graph")
        logging.getLogger("onnxscript").warning("left out")
    assert capsys.readouterr().out == ""
    assert not caplog.records
    logging.getLogger("onnxscript").warning("heard again")
    assert len(caplog.records) == 1

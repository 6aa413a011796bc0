"""OpenVINO runs what was converted, for any thread and any number of images."""

import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from engines.small import answers, images, network
from striate.engines import openvino
from striate.engines.folding import folded_copy

pytestmark = pytest.mark.skipif(
    not find_spec("openvino"), reason="OPENVINO ABSENT: pip install 'striate[openvino]'"
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    net = network().eval()
    path = tmp_path_factory.mktemp("converted") / "network.xml"
    with torch.no_grad():
        openvino.write(folded_copy(net, images(1)), images(1), path)
    return net, openvino.opened(path)


def test_the_file_answers_as_the_network(opened) -> None:
    net, engine = opened
    for count in (1, 6, 3, 1):
        for layout in (torch.contiguous_format, torch.channels_last):
            given = images(count).contiguous(memory_format=layout)
            torch.testing.assert_close(engine(given), answers(net, given), rtol=1e-5, atol=1e-5)


def test_weights_are_not_rounded_to_half(tmp_path: Path) -> None:
    net = network().eval()
    with torch.no_grad():
        openvino.write(folded_copy(net, images(1)), images(1), tmp_path / "n.xml")
    numbers = sum(weight.numel() for weight in net.parameters())
    assert (tmp_path / "n.bin").stat().st_size > 4 * numbers * 0.9


def test_threads_do_not_mix_their_answers(opened) -> None:
    net, engine = opened
    wrong = []

    def ask(seed: int) -> None:
        mine = images(2, seed)
        right = answers(net, mine)
        for _ in range(20):
            if not torch.allclose(engine(mine), right, rtol=1e-4, atol=1e-5):
                wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_can_be_done_without(monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    assert openvino.installed()
    monkeypatch.setenv("STRIATE_OPENVINO", "0")
    assert openvino.installed() is None


def test_an_answer_is_not_overwritten_by_the_next(opened) -> None:
    net, engine = opened
    first = engine(images())
    engine(-images())
    torch.testing.assert_close(first, answers(net, images()), rtol=1e-5, atol=1e-5)

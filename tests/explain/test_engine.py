"""OpenVINO in a network's place: the same answers, and only where it is wanted and trusted."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, fx, nn

from explain.peers import depthwise, every_architecture, reused_relu
from striate.engines.openvino import OpenVino
from striate.explain import _engine, class_score, kernel_shap, lime, rise, score_cam
from striate.explain._engine import FEWEST, WORTH, engine
from striate.explain._frozen import frozen
from striate.explain._perturbed import asking
from striate.explain.quality import deletion, infidelity


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO for networks of any size."""
    if not find_spec("openvino"):
        pytest.skip("OPENVINO ABSENT: pip install 'striate[openvino]'")
    monkeypatch.setattr(_engine, "WORTH", 0)
    monkeypatch.setattr(_engine, "FEWEST", 1)
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)


def single(architecture) -> tuple[nn.Module, Tensor]:
    """Of an architecture in float32: the network and five images."""
    network, images = architecture()
    network, images = network.float(), images.float()
    return network, torch.cat([images, images.flip(2), images.roll(2, 3)])[:5]


@every_architecture
def test_answers_are_the_networks_for_any_number_of_images(worth_it, architecture) -> None:
    network, images = single(architecture)
    with frozen(network, images) as copy:
        made = engine(copy, images, 1000)
        assert isinstance(made, OpenVino)
        with torch.no_grad():
            for count in (4, 1, 5, 3):
                for layout in (torch.contiguous_format, torch.channels_last):
                    given = images[:count].contiguous(memory_format=layout)
                    torch.testing.assert_close(made(given), network(given), rtol=1e-5, atol=1e-5)


def test_an_answer_is_not_overwritten_by_the_next(worth_it) -> None:
    network, images = single(reused_relu)
    with frozen(network, images) as copy, torch.no_grad():
        made = engine(copy, images, 1000)
        first = made(images)
        made(-images)
        torch.testing.assert_close(first, network(images), rtol=1e-5, atol=1e-5)


METHODS = {
    "score_cam": lambda *asked: score_cam(*asked, layer="third", batch_size=10),  # 12 masks
    "rise": lambda *asked: rise(*asked, masks=23, batch_size=10),
    "lime": lambda *asked: lime(*asked, segments="grid", samples=30, count=6),
    "kernel_shap": lambda *asked: kernel_shap(*asked, segments="grid", samples=30, count=6),
    "deletion": lambda *asked: deletion(*asked, signed_maps(asked[1]), steps=22, batch_size=10),
    "infidelity": lambda *asked: infidelity(
        *asked, signed_maps(asked[1]), samples=23, scaled=False, batch_size=10
    ),
}


def signed_maps(images: Tensor) -> Tensor:
    return images.sum(dim=1)


@pytest.mark.parametrize("name", METHODS)
def test_methods_give_the_same_maps_with_and_without(worth_it, name, monkeypatch) -> None:
    network, images = single(reused_relu)
    asked = (network, images[:2], class_score([1, 4]))
    runs = []
    run = OpenVino.forward
    monkeypatch.setattr(OpenVino, "forward", lambda self, x: (runs.append(len(x)), run(self, x))[1])
    fast = METHODS[name](*asked)
    assert sum(runs) >= 24, "more than the probes"
    assert len(set(runs)) > 2, "the last batch is smaller"
    runs.clear()
    monkeypatch.setenv("STRIATE_OPENVINO", "0")
    plain = METHODS[name](*asked)
    assert not runs
    assert plain.abs().max() > 1e-3
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-5 * float(plain.abs().max()))


def test_what_is_not_taken(worth_it, monkeypatch) -> None:
    network, images = single(depthwise)
    with frozen(network, images) as copy:
        assert engine(copy, images, 1) is not None
        assert engine(network, images, 1) is None, "what no trace could follow"
        assert engine(copy, images.to("meta"), 1) is None, "not on a CPU"
        one_missing = images.clone()
        one_missing[3, 0, 2, 2] = torch.nan
        assert engine(copy, one_missing, 1) is None
        monkeypatch.setenv("STRIATE_OPENVINO", "0")
        assert engine(copy, images, 1) is None
    monkeypatch.delenv("STRIATE_OPENVINO")
    double, images = depthwise()
    with frozen(double, images) as copy:
        assert isinstance(copy, fx.GraphModule)
        assert engine(copy, images, 1) is None, "float64"


def test_methods_that_need_gradients_are_not_given_it(worth_it) -> None:
    network, images = single(reused_relu)
    score = class_score(0)
    with asking(network, images, score, 4, passes=9) as asked:
        assert isinstance(asked.network, OpenVino)
    with asking(network, images, score, 4, passes=9, gradients=True) as asked:
        assert isinstance(asked.network, fx.GraphModule)
    with asking(network, images, score, 4) as asked:
        assert isinstance(asked.network, fx.GraphModule)


def test_what_cannot_be_converted_is_asked_itself(worth_it, monkeypatch) -> None:
    network, images = single(reused_relu)

    def refuse(*_given: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr(OpenVino, "__init__", refuse)
    with asking(network, images, class_score(0), 4, passes=9) as asked:
        assert isinstance(asked.network, fx.GraphModule)
        torch.testing.assert_close(asked.output, network(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alone", [True, False])
def test_what_answers_otherwise_is_not_used(worth_it, monkeypatch, alone: bool) -> None:
    """By 0.1 %, and only about one image or only about several."""
    network, images = single(reused_relu)
    run = OpenVino.forward

    def wrong(self: OpenVino, images: Tensor) -> Tensor:
        return run(self, images) * (1.001 if (len(images) == 1) == alone else 1)

    monkeypatch.setattr(OpenVino, "forward", wrong)
    with frozen(network, images) as copy:
        assert engine(copy, images, 9) is None


def test_few_passes_are_not_worth_the_conversion(monkeypatch) -> None:
    """A convolution of 3 · 8 · 9 · 64 · 64 multiply-adds, that is twice as many operations."""
    made = []
    monkeypatch.setattr(_engine, "installed", lambda: "2026.0")
    monkeypatch.setattr(_engine, "convert", lambda *_: made.append(1))  # and gives nothing
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten()).eval()
    images = torch.randn(1, 3, 64, 64)
    enough = int(WORTH / (2 * 3 * 8 * 9 * 64 * 64)) + 1
    with frozen(network, images) as copy:
        for passes, tried in ((0, 0), (FEWEST, 0), (enough - 1, 0), (enough, 1)):
            assert engine(copy, images, passes) is None
            assert len(made) == tried


CONVERTING = """
import pathlib, sys
import torch
from torch import fx, nn
from striate.engines.openvino import OpenVino, convert
network = fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()).eval())
OpenVino(convert(network, torch.ones(1, 3, 4, 4)))
print(type(sys.modules["openvino.tools.ovc"].telemetry).__module__)
print([path.name for path in pathlib.Path.home().iterdir()])
import openvino_telemetry  # is there for who wants it
"""


def test_openvino_reports_nothing(worth_it, tmp_path) -> None:
    """Its import sends word to its makers, and keeps a number for this user in the home folder."""
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    environment.pop("CI", None)  # where it keeps still
    done = subprocess.run(
        [sys.executable, "-c", CONVERTING], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "[]"], done.stderr
    assert not done.returncode, done.stderr

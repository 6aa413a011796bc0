"""An engine comes in when it pays, answers as the network does, and goes when that changes."""

import copy
import pickle
import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from engines.small import Told, answers, images, network
from striate.engines import Fastest, asked_engine, fastest, measuring
from striate.engines.measuring import NotConverted, converted
from striate.engines.shelf import Finding, shelf_for
from striate.errors import StriateError, UnknownName, UsageError


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """One engine, which takes half of torch's time."""
    engine = Told()
    monkeypatch.setattr(fastest, "CONVERTERS", {"told": engine.converter})
    monkeypatch.setattr(measuring, "_timed", timed({"torch": 1.0, "folded": 0.9, "told": 0.5}))
    monkeypatch.delenv("STRIATE_ENGINE", raising=False)
    return engine


def timed(seconds: dict[str, float]):
    return lambda candidates, _images: {name: seconds[name] for name in candidates}


def hear(engines: Fastest, net: nn.Module, folder: Path, ahead: int, seconds: float) -> None:
    """Tell what torch took for two images, and that so many are still to come."""
    net.eval()
    engines.heard(net, images(2), answers(net, images(2)), seconds, ahead, folder)


def by_engine(engines: Fastest, net: nn.Module, asked: Tensor | None = None) -> Tensor | None:
    return engines.answers(net, images() if asked is None else asked, "auto")


def test_few_images_stay_with_torch(told: Told, tmp_path: Path) -> None:
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=0, seconds=0.9)
    hear(engines, net, tmp_path, ahead=20, seconds=0.09)  # 0.9 s to come
    assert by_engine(engines, net) is None
    assert not list(tmp_path.iterdir()), "nothing was even looked up"
    hear(engines, net, tmp_path, ahead=100, seconds=0.2)  # 10 s to come, but none is converted
    assert not told.written
    assert by_engine(engines, net) is None


def test_many_images_bring_in_the_fastest(told: Told, tmp_path: Path) -> None:
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)  # 20 s to come
    assert told.written == 1
    found = by_engine(engines, net)
    torch.testing.assert_close(found, answers(net, images()), rtol=1e-4, atol=1e-5)
    told.asked.clear()
    found = by_engine(engines, net, images(37))
    assert told.asked == [16, 16, 5], "in parts, which take less memory"
    assert len(found) == 37


def test_many_calls_of_one_image_bring_it_in_too(told: Told, tmp_path: Path) -> None:
    engines, net = Fastest(), network()
    calls = 0
    while by_engine(engines, net) is None:
        hear(engines, net, tmp_path, ahead=0, seconds=0.5)
        calls += 1
        assert calls < 100
    assert 15 / 0.5 <= calls < 4 * 15 / 0.5
    assert told.written == 1


def test_the_next_process_finds_it_and_converts_nothing(told: Told, tmp_path: Path) -> None:
    hear(Fastest(), network(), tmp_path, ahead=200, seconds=0.2)
    again, net = Fastest(), network()
    hear(again, net, tmp_path, ahead=15, seconds=0.2)  # 1.5 s to come
    assert told.written == 1
    assert told.opened == 2
    torch.testing.assert_close(by_engine(again, net), answers(net, images()), rtol=1e-4, atol=1e-5)


def test_what_was_found_is_not_used_where_opening_takes_longer(
    told: Told, tmp_path: Path, monkeypatch
) -> None:
    net = network().eval()
    shelf = shelf_for(tmp_path / "engines", net, (3, 8, 8), {"told": "1.0"})
    shelf.remember(Finding("told", {"torch": 0.10, "told": 0.05}, opening=1.0))
    for ahead, used in ((39, False), (41, True)):  # 0.05 s saved each, against 2 · 1 s
        engines = Fastest()
        hear(engines, net, tmp_path, ahead, seconds=0.2)
        assert (by_engine(engines, net) is not None) is used


@pytest.mark.parametrize(("told_takes", "best"), [(0.96, "torch"), (0.94, "told")])
def test_never_slower_than_torch(told, tmp_path, monkeypatch, told_takes, best) -> None:
    seconds = {"torch": 1.0, "folded": 1.2, "told": told_takes}
    monkeypatch.setattr(measuring, "_timed", timed(seconds))
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert (by_engine(engines, net) is None) is (best == "torch")
    net.eval()
    shelf = shelf_for(tmp_path / "engines", net, (3, 8, 8), {"told": "1.0"})
    assert shelf.finding().fastest == best
    assert (shelf.converted("told", "network.told") is None) is (best == "torch"), "no rubbish"
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert told.written == 1, "and not tried again"


def test_folding_alone_where_there_is_no_engine(told, tmp_path) -> None:
    told.version = None
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert not told.written
    torch.testing.assert_close(by_engine(engines, net), answers(net, images()))


@pytest.mark.parametrize("factor", [1.001, float("nan")])
def test_an_engine_that_answers_otherwise_is_refused(told, tmp_path, factor) -> None:
    told.factor = factor
    net = network().eval()
    shelf, converters = shelf_for(tmp_path, net, (3, 8, 8), {}), {"told": told.converter}
    with pytest.raises(NotConverted, match="its answers differ"):
        converted(net, images(), answers(net, images()), shelf, "told", converters)
    engines = Fastest()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    told.asked.clear()
    torch.testing.assert_close(by_engine(engines, net), answers(net, images()))
    assert not told.asked, "but by folding"
    with pytest.raises(UsageError, match="its answers differ") as caught:
        engines.demand("told", net, images(), answers(net, images()), tmp_path)
    assert caught.value.code == "model-engine-refused"


def test_an_engine_that_errs_only_later_than_on_the_shelf_is_made_anew(told, tmp_path) -> None:
    """What lies on the shelf is checked each time it is taken."""
    hear(Fastest(), network(), tmp_path, ahead=200, seconds=0.2)
    told.networks["1"] = told.networks["1"].__class__(nn.Linear(1, 1), torch.fx.Graph())
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert told.written == 2
    torch.testing.assert_close(by_engine(engines, net), answers(net, images()))


def test_a_conversion_that_fails_leaves_the_rest(told, tmp_path) -> None:
    told.failing = RuntimeError("no such operation\nand a long trace")
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    torch.testing.assert_close(by_engine(engines, net), answers(net, images()))
    with pytest.raises(UsageError, match=r"told does not run this Sequential.*\(no such operation"):
        engines.demand("told", net, images(), answers(net, images()), tmp_path)


class Branching(nn.Module):
    """Cannot be traced: its way depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 64, 5)

    def forward(self, images: Tensor) -> Tensor:
        scale = 2 if images.mean() > 0 else 1
        return self.layer(images.flatten(1)) * scale


def test_a_network_that_cannot_be_traced_stays_with_torch(told, tmp_path) -> None:
    engines, net = Fastest(), Branching().eval()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert by_engine(engines, net) is None
    assert not told.written
    with pytest.raises(UsageError, match="its code cannot be followed"):
        engines.demand("told", net, images(), answers(net, images()), tmp_path)


def test_weights_that_change_end_it_and_bring_in_another(told, tmp_path) -> None:
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert by_engine(engines, net) is not None
    with torch.no_grad():
        net[5].weight.mul_(2)
    assert by_engine(engines, net) is None
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert told.written == 2
    torch.testing.assert_close(by_engine(engines, net), answers(net, images()))


def test_what_an_engine_is_not_asked(told, tmp_path) -> None:
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    missing = images()
    missing[3, 1, 2, 2] = torch.nan
    for strange in (missing, images() / 0, images().double(), images()[:, :, :6], images()[:, :1]):
        assert by_engine(engines, net, strange) is None
    assert by_engine(engines, net) is not None
    assert engines.answers(net, images(), "told") is not None
    assert engines.answers(net, images(), "onnx") is None, "another one was asked for"


def test_a_folder_that_cannot_be_written_costs_no_more_than_time(told, tmp_path) -> None:
    (tmp_path / "engines").write_text("not a folder")
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    assert told.written == 1
    torch.testing.assert_close(by_engine(engines, net), answers(net, images()))


def test_an_engine_that_is_not_installed_is_told(told, tmp_path) -> None:
    told.version = None
    net = network().eval()
    with pytest.raises(UsageError, match=r"pip install 'striate\[told\]'") as caught:
        Fastest().demand("told", net, images(), answers(net, images()), tmp_path)
    assert caught.value.code == "usage-engine-missing"


def test_several_threads_get_their_own_answers_and_one_conversion(told, tmp_path) -> None:
    engines, net = Fastest(), network().eval()
    wrong: list[int] = []

    def ask(number: int) -> None:
        mine = images(3, seed=number)
        right = answers(net, mine)
        for _ in range(10):
            found = engines.answers(net, mine, "auto")
            if found is None:
                engines.heard(net, mine, right, 0.5, 200, tmp_path)
            elif not torch.allclose(found, right, rtol=1e-4, atol=1e-5):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert told.written == 1
    assert by_engine(engines, net) is not None


def test_a_copy_starts_anew(told, tmp_path) -> None:
    engines, net = Fastest(), network()
    hear(engines, net, tmp_path, ahead=200, seconds=0.2)
    for other in (copy.deepcopy(engines), pickle.loads(pickle.dumps(engines))):  # noqa: S301
        assert by_engine(other, net) is None


def test_the_environment_chooses_where_nobody_does(monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_ENGINE", raising=False)
    assert asked_engine("auto") == "auto"
    monkeypatch.setenv("STRIATE_ENGINE", "torch")
    assert asked_engine("auto") == "torch"
    assert asked_engine("openvino") == "openvino"
    monkeypatch.setenv("STRIATE_ENGINE", "openvinno")
    with pytest.raises(UnknownName, match="openvinno") as caught:
        asked_engine("auto")
    assert isinstance(caught.value, StriateError)

"""Features and answers in one pass: the same by engine as by torch."""

from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from engines.small import answers, images, network
from striate.errors import UsageError
from striate.explain import embeddings
from striate.tasks import vectors
from striate.tasks.vectors import Vectors


def both(asked: Vectors) -> tuple[Tensor, Tensor]:
    """Of seven images, in three batches."""
    parts = [asked.of(part) for part in torch.split(images(7), 3)]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


@pytest.mark.parametrize("layer", [None, "0", "2"])
@pytest.mark.parametrize("engine", ["torch", "auto", "openvino"])
def test_every_engine_gives_them(layer, engine, monkeypatch) -> None:
    if engine == "openvino" and not find_spec("openvino"):
        pytest.skip("OPENVINO ABSENT: pip install 'striate[openvino]'")
    monkeypatch.delenv("STRIATE_OPENVINO", raising=False)
    monkeypatch.setattr(vectors, "LEAST", 0)  # any number of images is worth the tracing
    net = network()
    asked = Vectors(net, layer, 7, engine)
    features, outputs = both(asked)
    assert (asked.joined is None) is (engine == "torch")
    expected = embeddings(net, images(7), layer=layer)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(outputs, answers(net, images(7)), rtol=1e-4, atol=1e-5)
    assert net.training


class Branching(nn.Module):
    """Cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 64, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.flatten(1) if images.mean() > 9 else -images.flatten(1))


def test_what_cannot_be_traced_is_asked_by_torch(monkeypatch) -> None:
    monkeypatch.setattr(vectors, "LEAST", 0)
    net = Branching()
    features, outputs = both(Vectors(net, None, 7))
    torch.testing.assert_close(features, -images(7).flatten(1))
    torch.testing.assert_close(outputs, answers(net, images(7)))
    with pytest.raises(UsageError, match="its code cannot be followed") as caught:
        both(Vectors(net, None, 7, "openvino"))
    assert caught.value.code == "model-engine-refused"


def test_few_images_are_not_traced(monkeypatch) -> None:
    monkeypatch.setattr(vectors, "tapped", lambda *_, **__: pytest.fail("traced"))
    both(Vectors(network(), None, 7))


def test_a_tap_that_gives_something_else_is_not_used(monkeypatch) -> None:
    monkeypatch.setattr(vectors, "LEAST", 0)
    real = vectors.tapped
    monkeypatch.setattr(vectors, "tapped", lambda net, _name, few, given: real(net, "1", few))
    net = network()
    asked = Vectors(net, "2", 7)
    torch.testing.assert_close(both(asked)[0], embeddings(net, images(7), layer="2"))
    assert asked.joined is None

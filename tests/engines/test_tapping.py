"""Features and answers from one network, as the layers themselves give them."""

import pytest
import torch

from engines.small import images
from striate.engines.tapping import tapped
from striate.explain import embeddings
from striate.explain.locate import classifier_layer
from striate.zoo import create


@pytest.mark.parametrize("layer", [None, "features.stage2", "features.stem", "features.stage1.0"])
def test_rows_hold_features_then_answers(layer: str | None) -> None:
    torch.manual_seed(0)
    net = create("resnet18", classes=5).eval()
    shown = torch.randn(3, 3, 40, 40)
    with torch.no_grad():
        answers = net(shown)
        name = layer or classifier_layer(net, shown)
        joined = tapped(net, name, shown, given=layer is None)
        assert joined is not None
        rows = joined(shown)
    vectors = embeddings(net, shown, layer=layer)
    torch.testing.assert_close(rows, torch.cat([vectors, answers], dim=1))


def test_tokens_are_averaged() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Flatten(2), torch.nn.Linear(64, 4), torch.nn.Flatten(), torch.nn.Linear(12, 2)
    )
    with torch.no_grad():
        rows = tapped(net, "1", images())(images())
    torch.testing.assert_close(rows[:, :4], embeddings(net, images(), layer="1"))
    assert rows.shape == (6, 6)


def test_what_cannot_be_tapped_is_none() -> None:
    net = create("lenet5", classes=5).eval()
    assert tapped(net, "nothing", torch.zeros(1, 1, 32, 32)) is None

    class Branching(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) if x.sum() > 0 else -x.flatten(1)

    assert tapped(Branching(), "", images()) is None

"""GoogLeNet: torchvision vouches for the one with batch norm; table 1 for the published one."""

import pytest
import torch
from torch import nn

from striate import zoo
from striate.summaries import summary
from zoo.parity import check_same_answers, check_same_gradients, count, torchvision_network


def test_batch_norm_answers_as_torchvision_does():
    peer = torchvision_network("googlenet")
    check_same_answers("googlenet_bn", peer, "torchvision", sizes=(64, (75, 96)))


@pytest.mark.slow
def test_batch_norm_has_the_gradients_of_torchvision():
    peer = torchvision_network("googlenet")
    pair = check_same_answers("googlenet_bn", peer, "torchvision", sizes=[64])
    check_same_gradients(*pair, "torchvision", 64)


def test_heads_at_the_side_answer_as_torchvisions_do():
    peer = torchvision_network("googlenet", num_classes=10)
    network, peer = check_same_answers("googlenet_bn", peer, "torchvision", sizes=[64], classes=10)
    for model in (network, peer):
        model.train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
    images = torch.randn(3, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = network(images), peer(images)
    assert len(ours) == 3
    for own, name in zip(ours, ("logits", "aux_logits1", "aux_logits2"), strict=True):
        torch.testing.assert_close(own, getattr(theirs, name), rtol=1e-9, atol=1e-9)


def test_weights_without_heads_at_the_side_leave_ours_fresh():
    peer = torchvision_network("googlenet", aux_logits=False)
    report = zoo.load_foreign_state(zoo.create("googlenet_bn"), peer.state_dict())
    assert len(report.fresh) == 2 * 9  # a convolution, five tensors of a norm and two layers
    assert all(name.startswith("auxiliary.") for name in report.fresh)


TABLE_1 = {  # output size, and millions of multiply-adds
    "conv1": ((64, 112, 112), None),  # 34 in the paper, 118 by its own sizes
    "pool1": ((64, 56, 56), None),
    "conv2": ((192, 56, 56), 360),
    "pool2": ((192, 28, 28), None),
    "inception3a": ((256, 28, 28), 128),
    "inception3b": ((480, 28, 28), 304),
    "pool3": ((480, 14, 14), None),
    "inception4a": ((512, 14, 14), 73),
    "inception4b": ((512, 14, 14), 88),
    "inception4c": ((512, 14, 14), 100),
    "inception4d": ((528, 14, 14), 119),
    "inception4e": ((832, 14, 14), 170),
    "pool4": ((832, 7, 7), None),
    "inception5a": ((832, 7, 7), 54),
    "inception5b": ((1024, 7, 7), 71),
}


def test_sizes_and_work_of_table_1():
    with torch.device("meta"):
        network = zoo.create("googlenet").eval()
        x, found = torch.empty(1, 3, 224, 224), {}
        for name, part in network.features.named_children():
            x = part(x)
            found[name] = tuple(x.shape[1:])
    rows = summary(network, (224, 224, 3)).rows
    for name, (size, work) in TABLE_1.items():
        assert found[name] == size
        if work is not None:
            own = sum(r.multiply_adds for r in rows if r.name.startswith(f"features.{name}."))
            assert own == pytest.approx(work * 1e6, rel=0.06), name
    assert found.keys() - TABLE_1.keys() == {"norm1", "norm2"}


def test_published_form_has_no_batch_norm_and_real_5x5_filters():
    with torch.device("meta"):
        network = zoo.create("googlenet")
    modules = [*network.modules()]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in modules)
    kernels = [m.kernel_size for m in modules if isinstance(m, nn.Conv2d)]
    assert kernels.count((5, 5)) == 9
    assert len(kernels) == 3 + 9 * 6 + 2  # 22 layers deep; two at the side


def test_heads_at_the_side_have_the_weights_of_section_5():
    """5 × 5 windows at stride 3 give 4 × 4; 128 filters, 1024 units, 70 % dropout."""
    with torch.device("meta"):
        network = zoo.create("googlenet")
        pooled = network.auxiliary["inception4a"].pool(torch.empty(1, 512, 14, 14))
    assert pooled.shape == (1, 512, 4, 4)
    x = torch.randn(1, 1, 14, 14)
    pool = network.auxiliary["inception4a"].pool
    assert torch.equal(pool(x), nn.functional.avg_pool2d(x, 5, 3))
    weights = {name: count(head) for name, head in network.auxiliary.items()}
    assert weights == {"inception4a": 3_188_840, "inception4d": 3_190_888}
    assert network.auxiliary["inception4d"].drop.p == 0.7
    assert count(network) - sum(weights.values()) == 6_998_552


def test_side_heads_are_off_in_evaluation():
    torch.manual_seed(0)
    network = zoo.create("googlenet", classes=3)
    images = torch.randn(2, 3, 64, 64)
    assert [answer.shape for answer in network(images)] == [(2, 3)] * 3
    network.eval()
    with torch.no_grad():
        assert network(images).shape == (2, 3)
        assert torch.equal(network(images), network.head(network.features(images)))


def test_other_classes_leave_three_last_layers_fresh():
    state = torchvision_network("googlenet").state_dict()
    report = zoo.load_foreign_state(zoo.create("googlenet_bn", classes=5), state)
    heads = ("head", "auxiliary.inception4a", "auxiliary.inception4d")
    assert sorted(report.fresh) == sorted(
        f"{head}.linear.{kind}" for head in heads for kind in ("weight", "bias")
    )

"""A frozen network answers as the network does, whatever the network is, and leaves it alone."""

import pytest
import torch
from torch import Tensor, fx, nn

from explain.peers import every_architecture, reused_relu, settled, signed_images
from striate.explain._frozen import affine_first, frozen


def gradient(network: nn.Module, images: Tensor) -> Tensor:
    leaf = images.detach().requires_grad_()
    with torch.enable_grad():
        answer = network(leaf.clone())
        weights = torch.linspace(-1, 1, answer.shape[1], dtype=answer.dtype)
    return torch.autograd.grad((answer @ weights).sum(), leaf)[0]


@every_architecture
def test_answers_and_gradients_stay_and_no_norm_is_left(architecture) -> None:
    network, images = architecture()
    with frozen(network, images, gradients=True) as copy:
        assert isinstance(copy, fx.GraphModule)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in copy.modules())
        assert not any(weight.requires_grad for weight in copy.parameters())
        torch.testing.assert_close(copy(images), network(images))
        torch.testing.assert_close(gradient(copy, images), gradient(network, images))


@every_architecture
def test_the_first_convolution_is_cut_off(architecture) -> None:
    network, images = architecture()
    with frozen(network, images) as copy:
        first, rest = affine_first(copy)
        assert type(first) is nn.Conv2d
        torch.testing.assert_close(rest(first(images)), network(images))
        torch.testing.assert_close(copy(images), network(images))  # the whole is still whole


def test_a_network_that_begins_with_a_choice_is_not_cut() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 3, 1)

        def forward(self, images: Tensor) -> Tensor:
            return (self.first(images) + images).mean(dim=(2, 3))

    network, images = settled(Twice()), signed_images(5, 4)
    with frozen(network, images) as copy:
        first, rest = affine_first(copy)
        assert type(first) is nn.Identity
        assert rest is copy
    assert affine_first(network)[1] is network


def test_the_network_is_left_as_it_was_found() -> None:
    network, images = reused_relu()
    network.train()
    network.second.eval()
    network.float().first.weight.requires_grad_(False)
    modes = [module.training for module in network.modules()]
    modules = dict(network.named_modules())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with frozen(network, images.float()) as copy:
        copy(images.float())
        assert not copy.training
    assert [module.training for module in network.modules()] == modes
    assert dict(network.named_modules()) == modules
    assert [weight.requires_grad for weight in network.parameters()][:3] == [False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.first.weight.is_contiguous()


def test_modes_come_back_when_interrupted() -> None:
    network, images = reused_relu()
    with pytest.raises(KeyboardInterrupt), frozen(network.train(), images):
        raise KeyboardInterrupt
    assert all(module.training for module in network.modules())


class Rectifying(nn.Module):
    """A ReLU before a pooling, one whose input is read again, and one after a sum."""

    def __init__(self, pooling: nn.Module) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.pooling, self.act = pooling, nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pooling(self.act(self.first(images)))
        sharp = self.second(maps)
        both = self.act(sharp) - 0.3 * sharp
        return torch.relu(both + maps).mean(dim=(2, 3))


@pytest.mark.parametrize("pooling", [nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, ceil_mode=True)])
def test_pooling_comes_before_its_relu_and_what_is_read_again_is_not_overwritten(pooling) -> None:
    torch.manual_seed(3)
    network, images = settled(Rectifying(pooling)), signed_images(7, 4)
    with frozen(network, images, gradients=True) as copy:
        called = [str(node.target) for node in copy.graph.nodes]
        assert called.index("pooling") < called.index("relu_")
        assert called.count("relu_") == 2, "the ReLU between stays, its input is subtracted"
        torch.testing.assert_close(copy(images), network(images))
        torch.testing.assert_close(gradient(copy, images), gradient(network, images))


def test_an_average_pooling_stays_behind_its_relu() -> None:
    network, images = settled(Rectifying(nn.AvgPool2d(2))), signed_images(8, 4)
    with frozen(network, images, gradients=True) as copy:
        called = [str(node.target) for node in copy.graph.nodes]
        assert called.index("relu_") < called.index("pooling")
        torch.testing.assert_close(copy(images), network(images))


def test_one_convolution_with_two_norms_is_folded_into_each() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 3, 3, padding=1)
            self.norm1, self.norm2 = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.norm1(self.convolution(images))
            return self.norm2(self.convolution(maps)).amax(dim=(2, 3))

    network, images = settled(Shared()), signed_images(6, 5)
    with frozen(network, images) as copy:
        assert sum(isinstance(module, nn.Conv2d) for module in copy.modules()) == 2
        torch.testing.assert_close(copy(images), network(images))


def test_a_norm_is_kept_where_its_convolution_is_used_elsewhere_too() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)

        def forward(self, images: Tensor) -> Tensor:
            maps = self.convolution(images)
            return (self.norm(maps) + maps).mean(dim=(2, 3))

    network, images = settled(Branching()), signed_images(6, 5)
    with frozen(network, images) as copy:
        assert isinstance(copy, fx.GraphModule)
        torch.testing.assert_close(copy(images), network(images))


def test_a_norm_without_statistics_is_not_folded() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten()
    )
    images = signed_images(5, 5)
    with frozen(network.double(), images) as copy:
        assert isinstance(copy, fx.GraphModule)
        torch.testing.assert_close(copy(images[:2]), network(images[:2]))


class Flattening(nn.Module):
    """`view` needs the channels first."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

    def forward(self, images: Tensor) -> Tensor:
        return self.maps(images).view(len(images) if self.training else images.shape[0], -1)


def test_a_network_that_needs_channels_first_keeps_them() -> None:
    network, images = settled(Flattening()).float(), signed_images(8, 6).float()
    with frozen(network, images) as copy:
        assert isinstance(copy, fx.GraphModule)
        torch.testing.assert_close(copy(images), network(images))


class Deciding(nn.Module):
    """Looks at the images to choose a way, which no trace can follow."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3)) * (2 if images.mean() > 0 else 3)


class Remembering(nn.Module):
    """Keeps what it saw, as people do who look inside by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 3)

    def forward(self, images: Tensor) -> Tensor:
        self.seen = self.convolution(images)
        return self.seen.mean(dim=(2, 3))


class HalfPrecise(nn.Module):
    """What a trace leaves out: here the context that rounds to bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.convolution(images).mean(dim=(2, 3))


@pytest.mark.parametrize("kind", [Deciding, Remembering, HalfPrecise, Flattening])
def test_networks_of_all_kinds_are_answered_for(kind) -> None:
    torch.manual_seed(0)
    network, images = kind().eval(), signed_images(8, 8).float()
    network(images)
    seen = vars(network).get("seen")
    with frozen(network, images) as copy:
        assert isinstance(copy, fx.GraphModule) == (kind not in (Deciding, HalfPrecise))
        torch.testing.assert_close(copy(images), network(images))
    if seen is not None:
        assert isinstance(network.seen, Tensor)


def test_a_hook_of_the_users_is_obeyed() -> None:
    network, images = reused_relu()
    handle = network.second.register_forward_hook(lambda _module, _inputs, output: output * 3)
    with frozen(network, images) as copy:
        assert copy is network
        hooked = copy(images)
    handle.remove()
    assert (hooked - network(images)).abs().max() > 1e-3


def test_a_hook_of_the_users_is_shown_nothing_but_tensors() -> None:
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), nn.Flatten()).double()
    seen = []
    network[0].register_forward_hook(lambda _module, _inputs, output: seen.append(type(output)))
    with frozen(network, signed_images(5, 5)) as copy:
        copy(signed_images(5, 5))
    assert set(seen) == {Tensor}


class FrozenPart(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            maps = self.convolution(images)
        return (maps + self.head(images)).mean(dim=(2, 3))


def test_a_trace_that_would_open_a_closed_way_is_not_used_for_gradients() -> None:
    network, images = settled(FrozenPart()), signed_images(8, 6)
    with frozen(network, images) as copy:
        assert isinstance(copy, fx.GraphModule)
    with frozen(network, images, gradients=True) as copy:
        assert copy is network


def test_weights_are_shared_but_for_the_folded_ones() -> None:
    network, images = reused_relu()
    with frozen(network, images) as copy:
        assert copy.head.weight.data_ptr() == network.head.weight.data_ptr()

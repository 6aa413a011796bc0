"""Parity with the networks of others: their weights in our network must give their answers."""

import os
import tempfile
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from striate import zoo
from torchvision_peer import torchvision_models


def timm():
    """timm, or a loud skip."""
    if not find_spec("timm"):
        pytest.skip("TIMM ABSENT: pip install --no-deps timm==1.0.31")
    torchvision_models()
    return import_module("timm")


def torchvision_network(name, **options):
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, **options}
    return torchvision_models().get_model(name, weights=None, **options)


def timm_network(name, **options):
    return timm().create_model(name, pretrained=False, **options)


def keras():
    """Keras on torch, or a loud skip; it finds no settings of the user's and leaves none."""
    if not find_spec("keras"):
        pytest.skip("KERAS ABSENT: pip install -c constraints.txt keras")
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ.setdefault("KERAS_HOME", tempfile.mkdtemp(prefix="keras-home-"))
    return import_module("keras")


class KerasNetwork:
    """A network of keras.applications, with weights changed at random, for images [N, C, H, W].

    Keras builds for one size of image; for every other size it is built anew with the same weights.
    In float32: on torch Keras rounds to it, whatever the precision of the weights.
    """

    def __init__(self, builder_name, *, seed, **options):
        self.builder_name, self.options = builder_name, options
        self.of_size = {}
        self.first = self._built(options.pop("input_shape", None))
        perturb(self.state, seed)

    @property
    def state(self):
        """Its tensors by "layer.kernel" names; they share memory with the network."""
        return {
            f"{layer.name}.{weight.name}": weight.value.detach()
            for layer in leaves(self.first)
            for weight in layer.weights
            if weight.name != "seed_generator_state"
        }

    def __call__(self, images):
        """Logits [N, classes] in evaluation mode."""
        shape = tuple(images.permute(0, 2, 3, 1).shape[1:])
        if shape not in self.of_size:
            for weight, known in zip(self._built(shape).weights, self.first.weights, strict=True):
                weight.value.detach().copy_(known.value.detach())
        return self.of_size[shape](images.permute(0, 2, 3, 1), training=False)

    def _built(self, shape):
        keras().utils.clear_session()  # so that the layers without names are counted from none
        network = keras_builder(self.builder_name)(
            weights=None, classifier_activation=None, input_shape=shape, **self.options
        )
        self.of_size[network.input_shape[1:]] = network
        return network


def keras_builder(name):
    """`keras.applications.NAME`, or "module.NAME" for what it does not show, "nasnet.NASNet"."""
    module, _, function = name.rpartition(".")
    keras()
    place = f"keras.src.applications.{module}" if module else "keras.applications"
    return getattr(import_module(place), function)


def leaves(layer):
    """The layers that hold weights themselves, however deep."""
    inner = getattr(layer, "layers", None)
    return [layer] if inner is None else [leaf for each in inner for leaf in leaves(each)]


def keras_network(builder_name, *, seed=0, **options):
    """`keras.applications.NAME(**options)` with perturbed weights, giving logits; or a loud skip.

    It has its tensors in `.state` and is called with images [N, C, H, W] of any size.
    """
    return KerasNetwork(builder_name, seed=seed, **options)


def perturb(network, seed=0):
    """Signed random changes to every weight; running statistics unlike fresh ones.

    In place, to a module or to a state dict of one.
    """
    random = torch.Generator().manual_seed(seed)
    state = network if isinstance(network, dict) else network.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=random, dtype=tensor.dtype)
        if name.endswith(("running_var", "moving_variance")):
            tensor.copy_(1 + 0.2 * noise.tanh())
        elif tensor.ndim > 1:
            tensor.add_(noise * 0.2 * tensor.std(correction=0).nan_to_num().clamp_min(1e-3))
        else:
            tensor.add_(noise * 0.1)


def check_same_answers(name, peer, source, *, sizes, seed=0, double=True, **create_options):
    """Load the peer's perturbed weights into our network; compare logits at each size.

    Sizes are pixels, or (height, width). In float64 to 1e-9 relative, or float32 to 1e-4.
    """
    perturb(peer, seed)
    network = zoo.create(name, **create_options)
    report = zoo.load_foreign_state(network, peer.state_dict(), source=source)
    assert report.unused == report.fresh == report.adapted == ()
    kind, tolerance = (torch.float64, 1e-9) if double else (torch.float32, 1e-4)
    network, peer = network.eval().to(kind), peer.eval().to(kind)
    torch.manual_seed(seed)
    for size in sizes:
        height, width = (size, size) if isinstance(size, int) else size
        images = torch.randn(2, 3, height, width, dtype=kind)
        with torch.no_grad():
            ours, theirs = network(images), peer(images)
        scale = theirs.abs().max()
        assert scale > 0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * scale.item())
    return network, peer


def check_same_answers_keras(name, builder_name, sizes, *, seed=0, create_options=None, **options):
    """As `check_same_answers`, with `keras.applications.BUILDER_NAME(**options)` as the peer.

    In float32 to 1e-4 relative.
    """
    peer = keras_network(builder_name, seed=seed, **options)
    torch.manual_seed(seed)
    for size in sizes:
        height, width = (size, size) if isinstance(size, int) else size
        fitted = {"image_size": (height, width)} if zoo.ARCHITECTURES[name].sized else {}
        network = zoo.create(name, **fitted, **(create_options or {})).eval()
        report = zoo.load_foreign_state(network, peer.state, source="keras")
        assert report.unused == report.fresh == report.adapted == ()
        images = torch.randn(2, 3, height, width)
        with torch.no_grad():
            ours, theirs = network(images), peer(images)
        scale = theirs.abs().max()
        assert scale > 0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * scale.item())
    return network, peer


def check_same_gradients_keras(network, peer, size):
    """After `check_same_answers_keras` at this size: the gradients of one score, by tensor.

    In float32 a ReLU at its kink may turn, so tensors are compared as a whole, by their norm.
    """
    torch.manual_seed(1)
    images = torch.randn(2, 3, size, size)
    for model in (network, peer):
        answers = model(images)
        (answers * torch.linspace(-1, 1, answers.numel()).reshape(answers.shape)).sum().backward()
    built = peer.of_size[size, size, 3]
    theirs = dict(peer.state)
    for layer in leaves(built):
        for weight in layer.trainable_weights:
            theirs[f"{layer.name}.{weight.name}"] = weight.value.grad
    twin = zoo.create(**network.made_by)
    zoo.load_foreign_state(twin, theirs, source="keras")
    expected = dict(twin.named_parameters())
    for key, weight in network.named_parameters():
        error = torch.linalg.vector_norm(weight.grad - expected[key].detach())
        assert error <= 1e-2 * torch.linalg.vector_norm(expected[key].detach()), key


def check_same_gradients(network, peer, source, size):
    """After `check_same_answers` in float64: the gradients of one score, tensor by tensor."""
    torch.manual_seed(1)
    images = torch.randn(2, 3, size, size, dtype=torch.float64)
    for model in (network, peer):
        for weight in model.parameters():  # heads at the side are off and get none
            weight.grad = torch.zeros_like(weight)
        answers = model(images)
        (answers * torch.linspace(-1, 1, answers.numel()).reshape(answers.shape)).sum().backward()
    theirs = {key: tensor.clone() for key, tensor in peer.state_dict().items()}
    theirs |= {key: weight.grad for key, weight in peer.named_parameters()}
    twin = zoo.create(**network.made_by).double()
    zoo.load_foreign_state(twin, theirs, source=source)
    expected = dict(twin.named_parameters())
    for key, weight in network.named_parameters():
        scale = max(expected[key].abs().max().item(), 1e-12)
        difference = (weight.grad - expected[key].detach()).abs().max().item()
        assert difference <= 1e-7 * scale, key


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())

"""The torchvision classification catalogue: weights, multiply-adds and receptive fields."""

import pytest
import torch
from torch import nn

from striate.summaries import drawing_of, summary
from striate.summaries.graph import graph_of
from striate.summaries.layout import lay_out

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.GELU)


@pytest.mark.slow
def test_weights_are_exact_and_multiply_adds_as_published(torchvision_models, foreign):
    names = torchvision_models.list_models(module=torchvision_models)
    assert len(names) >= 80
    wrong = {}
    for name in names:
        published = torchvision_models.get_model_weights(name).DEFAULT
        side = published.transforms.keywords["crop_size"]
        options = {"aux_logits": False} if name == "googlenet" else {}  # not counted there
        if name.startswith("vit"):
            options["image_size"] = side
        table = summary(foreign(name, **options), (side, side, 3))
        work = table.multiply_adds / 1e9
        close = work == pytest.approx(published.meta["_ops"], rel=0.01, abs=0.0005)  # 3 decimals
        if table.weights != published.meta["num_params"] or not close:
            wrong[name] = (table.weights, work, published.meta)
    assert wrong == {}


def averaging(network: nn.Module) -> nn.Module:
    """A linear copy: every output is a positive mean of all that it can see."""
    for name, module in list(network.named_modules()):
        parent = network.get_submodule(name.rpartition(".")[0])
        child = name.rpartition(".")[2]
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.MaxPool2d):
            options = (module.kernel_size, module.stride, module.padding, module.ceil_mode)
            setattr(parent, child, nn.AvgPool2d(*options))
        elif isinstance(module, ACTIVATIONS):
            setattr(parent, child, nn.Identity())
    return network.double().eval()


def measured(network: nn.Module, layer: str, image: tuple[int, int]) -> tuple[int, int, int]:
    """First and last row of the image that the middle row of a layer depends on; which row."""
    outputs = []
    network.get_submodule(layer).register_forward_hook(lambda *call: outputs.append(call[2]))
    pixels = torch.ones(1, 3, *image, dtype=torch.float64, requires_grad=True)
    network(pixels)
    middle = outputs[0].shape[2] // 2
    (gradient,) = torch.autograd.grad(outputs[0][:, :, middle].sum(), pixels)
    rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    return int(rows.min()), int(rows.max()), middle


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "height", "size"),
    [  # sizes are pinned where given; the gradient is the judge
        ("alexnet", 300, 195),
        ("vgg11", 300, 150),
        ("vgg16_bn", 300, 212),
        ("resnet18", 520, 435),
        ("resnet50", 520, 427),
        ("densenet121", 2200, 2071),
        ("inception_v3", 1500, None),
        ("googlenet", 700, None),
        ("squeezenet1_1", 400, None),
        ("mobilenet_v2", 600, 491),
        ("shufflenet_v2_x1_0", 700, None),
        ("mnasnet1_0", 1000, None),
        ("efficientnet_b0", 300, None),  # squeeze and excitation: the whole image
    ],
)
def test_receptive_fields_are_where_the_gradient_is(foreign, name, height, size):
    network = averaging(foreign(name, weightless=False))
    image = (height, 96)
    maps = [
        row
        for row in summary(network, (*image, 3)).rows
        if row.kind != "AdaptiveAvgPool2d"
        and row.output_shape
        and len(row.output_shape) == 3
        and row.output_shape[0] > 1
    ]
    field = maps[-1].sight[0]
    first, last, middle = measured(network, maps[-1].name, image)
    begins = field.start + middle * field.jump
    assert (first, last) == (max(begins, 0), min(begins + field.size, height) - 1)
    if size is not None:
        assert last - first + 1 == field.size == size


@pytest.mark.parametrize(
    ("name", "repeats", "words"),
    [
        ("googlenet", [2, 5, 2], ["×2, channels vary", "×5, channels vary", "×2, channels vary"]),
        ("densenet121", [6, 12, 24, 16], ["×24, each reads all before it"]),
        ("resnet50", [2, 3, 5, 2], ["×2<", "×3<", "×5<"]),
        ("mobilenet_v3_small", [2, 2], ["×2<"]),
    ],
)
def test_drawings_fold_what_repeats_and_fill_their_rows(foreign, name, repeats, words):
    options = {"aux_logits": False} if name == "googlenet" else {}
    table = summary(foreign(name, **options), (224, 224, 3))
    shown = graph_of(table.trace)
    assert [repeat.times for repeat in shown.repeats] == repeats
    picture = drawing_of(table)
    for said in words:
        assert picture.count(said) >= words.count(said)
    layout = lay_out(shown, 0)
    ends = [before.right for before, *_ in layout.wraps] + [layout.stretches[-1].right]
    assert len(ends) > 1
    assert ends[-1] > 0.6 * max(ends)  # no layer is left alone in a row of its own

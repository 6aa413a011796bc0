"""Deeper is harder to train, unless every block only learns what to add to its input.

Networks of 20 and of 56 layers, with batch normalisation, once plain and once with residual
connections, otherwise equal. The plain one of 56 layers ends with the higher error *on the
training pictures*: it fails to learn, it does not overfit. With residual connections both
learn all but a few pictures.

Source: He et al. 2016, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, figures
    1 and 6; the networks of section 4.2, narrower, and trained by Adam for fewer steps.
"""

from collections.abc import Callable

import torch
from common import BLUE, ORANGE, digits, figure, output_path, percent, plain, save
from torch import nn

import striate as st
from striate.nn import Classifier, Residual, conv_norm, pooled_linear

WIDTHS = (4, 8, 16)
COURSE = ((3e-3, 28), (6e-4, 8))  # learning rate, epochs
EPOCHS = sum(epochs for _, epochs in COURSE)
LAST = 3  # epochs whose training error is averaged


Block = Callable[[nn.Module, int, int, int], nn.Module]


def plain_block(branch: nn.Module, *_shape: int) -> nn.Module:
    """relu(branch(x)): what `Residual` is without its shortcut."""
    return nn.Sequential(branch, nn.ReLU())


BLOCKS: dict[str, Block] = {"plain": plain_block, "residual": Residual}
TITLES = {"plain": "plain: relu(branch(x))", "residual": "residual: relu(branch(x) + x)"}


def network(depth: int, block: Block) -> Classifier:
    """6n + 2 layers: one convolution, three stages of n blocks of two, one dense layer."""
    channels, features = WIDTHS[0], nn.Sequential(conv_norm(1, WIDTHS[0], 3))
    for width in WIDTHS:
        for _ in range((depth - 2) // 6):
            stride = 2 if width > channels else 1
            branch = nn.Sequential(
                conv_norm(channels, width, 3, stride), conv_norm(width, width, 3, act=None)
            )
            features.append(block(branch, channels, width, stride))
            channels = width
    return Classifier(features, pooled_linear(channels, 10))


def training_errors(depth: int, block: Block) -> list[float]:
    """The share of wrong answers in each epoch, while it is being trained."""
    torch.manual_seed(0)
    model = st.Model(network(depth, block))
    errors: list[float] = []
    for rate, epochs in COURSE:
        model.compile(optimizer="adam", loss="categorical_crossentropy", learning_rate=rate)
        history = model.fit(*digits(), batch_size=128, epochs=epochs, verbose=False)
        errors += [1 - accuracy for accuracy in history.history["accuracy"]]
    return errors


def main() -> None:
    path = output_path(__doc__, "plain_vs_residual")
    errors = {
        (kind, depth): training_errors(depth, block)
        for kind, block in BLOCKS.items()
        for depth in (20, 56)
    }
    end = {key: sum(course[-LAST:]) / LAST for key, course in errors.items()}
    for (kind, depth), error in end.items():
        print(f"{kind:9} {depth} layers: training error {error:.1%}")
    assert end["plain", 56] > end["plain", 20] + 0.02
    assert end["residual", 56] < end["plain", 56] - 0.02
    assert end["residual", 56] < end["residual", 20] + 0.01

    made = figure(
        8.5, 3.8, "Training error of 20 and 56 layers, plain and with residual connections"
    )
    pair = made.subplots(1, 2, sharey=True)
    percent(pair[0], "wrong answers on the training pictures")
    for axes, kind in zip(pair, BLOCKS, strict=True):
        for depth, color in ((20, ORANGE), (56, BLUE)):
            course = errors[kind, depth]
            label = f"{depth} layers, {end[kind, depth]:.1%} in the end"
            axes.plot(range(1, EPOCHS + 1), course, color=color, linewidth=2, label=label)
        axes.set_title(TITLES[kind], fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.set_ylim(0, 1)
        axes.legend(frameon=False, loc="center right", fontsize=9)
        plain(axes)
    save(made, path)


if __name__ == "__main__":
    main()

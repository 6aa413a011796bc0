"""What others call the weights of zoo/xception.py.

The convolutions of the shortcuts have no names in Keras: they are counted.
"""

from striate.zoo.foreign._names import Names, renamed

BLOCKS = {f"stage{i + 1}.0": i + 2 for i in range(3)}  # where ours stand -> Keras's number
BLOCKS |= {f"stage3.{i + 1}": i + 5 for i in range(8)} | {"stage4.0": 13}
STEP = ((1, 1), (3, 2), (5, 3))  # position in a branch -> which separable convolution


def _shortcuts() -> list[tuple[str, str]]:
    rules = []
    for i, place in enumerate(("stage1", "stage2", "stage3", "stage4")):
        number = f"_{i}" if i else ""
        rules.append((rf"^features\.{place}\.0\.shortcut\.conv$", f"conv2d{number}"))
        rules.append((rf"^features\.{place}\.0\.shortcut\.norm$", f"batch_normalization{number}"))
    return rules


_keras = renamed(
    *((rf"^features\.stem\.{i}\.conv$", f"block1_conv{i + 1}") for i in range(2)),
    *((rf"^features\.stem\.{i}\.norm$", f"block1_conv{i + 1}_bn") for i in range(2)),
    *_shortcuts(),
    (r"^features\.stage4\.1\.", "block14_sepconv1."),
    (r"^features\.stage4\.3\.", "block14_sepconv2."),
    *((rf"^features\.{place}\.branch\.", f"block{number}_") for place, number in BLOCKS.items()),
    *((rf"^(block\d+_){position}\.", rf"\1sepconv{number}.") for position, number in STEP),
    (r"\.(depthwise|pointwise)$", ""),  # one layer of Keras's holds both kernels
    (r"\.norm$", "_bn"),
    (r"^head\.linear$", "predictions"),
)

NAMES: dict[str, Names] = {"keras": _keras}

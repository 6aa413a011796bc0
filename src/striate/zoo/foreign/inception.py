"""What others call the weights of zoo/inception.py."""

from striate.zoo.foreign._names import Names, renamed

_torch = renamed(
    (r"^features\.stem1\.0\.", "Conv2d_1a_3x3."),
    (r"^features\.stem1\.1\.", "Conv2d_2a_3x3."),
    (r"^features\.stem1\.2\.", "Conv2d_2b_3x3."),
    (r"^features\.stem2\.0\.", "Conv2d_3b_1x1."),
    (r"^features\.stem2\.1\.", "Conv2d_4a_3x3."),
    (r"^features\.mixed", "Mixed_"),
    (r"^(Mixed_5.)\.branches\.1\.", r"\1.branch5x5_"),
    (r"^(Mixed_5.)\.branches\.2\.", r"\1.branch3x3dbl_"),
    (r"^(Mixed_6a)\.branches\.0\.", r"\1.branch3x3."),
    (r"^(Mixed_6a)\.branches\.1\.", r"\1.branch3x3dbl_"),
    (r"^(Mixed_6[b-e])\.branches\.1\.", r"\1.branch7x7_"),
    (r"^(Mixed_6[b-e])\.branches\.2\.", r"\1.branch7x7dbl_"),
    (r"^(Mixed_7a)\.branches\.0\.", r"\1.branch3x3_"),
    (r"^(Mixed_7a)\.branches\.1\.", r"\1.branch7x7x3_"),
    (r"^(Mixed_7[bc])\.branches\.1\.", r"\1.branch3x3_"),
    (r"^(Mixed_7[bc])\.branches\.2\.", r"\1.branch3x3dbl_"),
    (r"^(Mixed_..)\.branches\.0\.", r"\1.branch1x1."),
    (r"^(Mixed_..)\.branches\.3\.1\.", r"\1.branch_pool."),
    *((rf"_{i}\.branches\.{j}\.", f"_{i + 1}{'ab'[j]}.") for i in (1, 2) for j in (0, 1)),
    *((rf"_{i}\.(conv|norm)$", rf"_{i + 1}.\1") for i in reversed(range(5))),
    (r"^auxiliary\.mixed6e\.conv1\.", "AuxLogits.conv0."),
    (r"^auxiliary\.mixed6e\.conv2\.", "AuxLogits.conv1."),
    (r"^auxiliary\.mixed6e\.linear$", "AuxLogits.fc"),
    (r"\.norm$", ".bn"),
    (r"^head\.linear$", "fc"),
)

NAMES: dict[str, Names] = {"torchvision": _torch, "timm": _torch}

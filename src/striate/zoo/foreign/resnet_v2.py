"""What others call the weights of zoo/resnet_v2.py."""

from striate.zoo.foreign._names import Names, renamed

NAMES: dict[str, Names] = {
    "timm": renamed(
        (r"^features\.stem\.conv$", "stem.conv"),
        (r"^features\.stage1\.", "stages.0.blocks."),
        (r"^features\.stage2\.", "stages.1.blocks."),
        (r"^features\.stage3\.", "stages.2.blocks."),
        (r"^features\.stage4\.", "stages.3.blocks."),
        (r"^features\.norm\.0$", "norm"),
        (r"\.shortcut$", ".downsample.conv"),
        (r"(\.\d+)\.norm$", r"\1.norm1"),
        (r"\.branch\.0$", ".conv1"),
        (r"\.branch\.1\.norm1$", ".norm2"),
        (r"\.branch\.1\.conv$", ".conv2"),
        (r"\.branch\.2\.norm1$", ".norm3"),
        (r"\.branch\.2\.conv$", ".conv3"),
        (r"^head\.linear$", "head.fc"),
    )
}

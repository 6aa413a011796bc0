"""What others call the weights of zoo/senet.py."""

from striate.zoo.foreign._names import Names, renamed

NAMES: dict[str, Names] = {
    "timm": renamed(
        *((rf"^features\.stem\.{i}\.conv$", f"layer0.conv{i + 1}") for i in range(3)),
        *((rf"^features\.stem\.{i}\.norm$", f"layer0.bn{i + 1}") for i in range(3)),
        (r"^features\.stage(\d)\.", r"layer\1."),
        (r"\.shortcut\.conv$", ".downsample.0"),
        (r"\.shortcut\.norm$", ".downsample.1"),
        *((rf"\.branch\.{i}\.conv$", f".conv{i + 1}") for i in range(3)),
        *((rf"\.branch\.{i}\.norm$", f".bn{i + 1}") for i in range(3)),
        (r"\.branch\.3\.squeeze$", ".se_module.fc1"),
        (r"\.branch\.3\.expand$", ".se_module.fc2"),
        (r"^head\.linear$", "last_linear"),
    )
}

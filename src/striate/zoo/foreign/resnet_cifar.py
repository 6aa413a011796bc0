"""What others call the weights of zoo/resnet_cifar.py; nobody has published plain twins."""

from striate.zoo.foreign._names import Names, renamed

NAMES: dict[str, Names] = {
    "akamaster": renamed(  # Y. Idelbayev, pytorch_resnet_cifar10
        (r"^features\.stem\.conv$", "conv1"),
        (r"^features\.stem\.norm$", "bn1"),
        (r"^features\.stage(\d)\.", r"layer\1."),
        *((rf"\.branch\.{i}\.conv$", f".conv{i + 1}") for i in range(2)),
        *((rf"\.branch\.{i}\.norm$", f".bn{i + 1}") for i in range(2)),
        (r"^head\.linear$", "linear"),
    )
}

"""From a cold process to 99 % of MNIST's test images."""

from benchmarks.row import KEEP_MEMORY, Contestant, Figure, Row


def one_cycle(epochs: int) -> Contestant:
    name = f"torch, one cycle of {epochs} epoch{'s' if epochs > 1 else ''}"
    arguments = ("--recipe", "one-cycle", "--epochs", str(epochs))
    return Contestant(name, "torch_mnist", arguments, variables=KEEP_MEMORY, quick=epochs == 1)


ROWS = (
    Row(
        "mnist",
        "From a cold process to 99 % on MNIST",
        (
            Contestant("striate train", "striate_mnist", ours=True),
            Contestant("Keras's example", "keras_mnist", environment="keras-tensorflow"),
            Contestant("PyTorch's example", "torch_mnist", variables=KEEP_MEMORY),
            one_cycle(1),
            one_cycle(2),
        ),
        (
            Figure("wall", "The whole command, imports included", target=1 / 6, limit=20),
            Figure("epochs", "Epochs", unit="epochs"),
            Figure("memory", "Peak memory", "MiB"),
        ),
        data=("mnist",),
        gate=0.99,
        test_images=10_000,
        quick=("--epochs", "1"),
        note="The examples are tested after every epoch and end at 99 %; ours writes its report "
        "and page, too.",
    ),
)  # fmt: skip

"""How long a training step of a small network takes, and how long the very first one."""

from benchmarks.environments import OURS
from benchmarks.row import KEEP_MEMORY, Contestant, Figure, Row

# Multiply-adds of an image: convolutions, then dense layers. A step is three passes of two
# operations each.
LENET5 = 24 * 24 * 6 * 25 + 8 * 8 * 16 * 150 + 256 * 120 + 120 * 84 + 840
TWO_CONV = 26 * 26 * 32 * 9 + 24 * 24 * 32 * 288 + 4608 * 128 + 1280


def figure(network: str, title: str, batch: int, multiply_adds: int, target: float) -> Figure:
    operations = 6.0 * multiply_adds * batch
    return Figure(f"{network}-{batch}", f"{title}, batch {batch}", "ms", target, None, operations)


def contestants(arguments: tuple[str, ...]) -> tuple[Contestant, ...]:
    keep, compiled = KEEP_MEMORY, ("--compile", *arguments)
    return (
        Contestant("striate Model.fit", "striate_step", arguments, ours=True),
        Contestant("torch, channels last", "torch_step", arguments, variables=keep),
        Contestant("torch compiled", "torch_step", compiled, variables=keep, quick=False),
        Contestant(
            "Lightning", "lightning_step", arguments, environment="lightning", variables=keep
        ),
        keras("TensorFlow", arguments, "keras-tensorflow"),
        keras("JAX", arguments, "keras-jax"),
        keras("torch", arguments, OURS),
    )


def keras(backend: str, arguments: tuple[str, ...], environment: str) -> Contestant:
    variables = KEEP_MEMORY | {"KERAS_BACKEND": backend.lower()}
    name = f"Keras on {backend}"
    quick = backend != "JAX"  # compiles for long
    return Contestant(
        name, "keras_step", arguments, environment=environment, variables=variables, quick=quick
    )


ROWS = (
    Row(
        "step",
        "A training step of a small network, 28×28 grey, Adam",
        contestants(()),
        (
            figure("lenet5", "LeNet-5", 32, LENET5, 0.5),
            figure("lenet5", "LeNet-5", 128, LENET5, 0.5),
            figure("two_conv", "Two convolutions", 32, TWO_CONV, 0.7),
            figure("two_conv", "Two convolutions", 128, TWO_CONV, 0.7),
            Figure("memory", "Peak memory", "MiB"),
        ),
        quick=("--steps", "40"),
        note="Arrays in memory, in random order; the first steps are not counted.",
    ),
    Row(
        "start-step",
        "From a cold process to the end of the first step of LeNet-5",
        contestants(("--steps", "1", "--workloads", "lenet5-128")),
        (Figure("wall", "Cold process", target=1.05),),
    ),
)

"""How fast networks of ordinary size train."""

from benchmarks.environments import OURS
from benchmarks.row import KEEP_MEMORY, Contestant, Figure, Row

BATCH = 32
ALL = tuple(f"{network}-{BATCH}" for network in ("resnet18_64", "resnet18_224", "mobilenet_v2"))
SHORT = ("--steps", "4", "--warm-steps", "2")


def contestant(
    name: str,
    script: str,
    *arguments: str,
    environment: str = OURS,
    ours: bool = False,
    workloads: tuple[str, ...] = ALL,
    backend: str = "",
) -> Contestant:
    variables = {} if ours else KEEP_MEMORY | ({"KERAS_BACKEND": backend} if backend else {})
    given = (*SHORT, *arguments, "--workloads", *workloads)
    quick = "--compile" not in arguments
    return Contestant(
        name, script, given, environment=environment, ours=ours, variables=variables, quick=quick
    )


def figure(network: str, title: str, multiply_adds: float) -> Figure:
    """A step is three passes of two operations for each multiply-add."""
    operations = 6 * multiply_adds * BATCH
    return Figure(f"{network}-{BATCH}", title, "ms", 0.9, None, operations)


ROWS = (
    Row(
        "memory",
        "Peak memory of training ResNet-18 at 224×224, batches of 32",
        (
            contestant("striate Model.fit", "striate_step", ours=True, workloads=ALL[1:2]),
            contestant("torch, channels last", "torch_step", workloads=ALL[1:2]),
        ),
        (Figure("memory", "Of the whole process", "MiB", target=1.05),),
        quick=("--steps", "2", "--warm-steps", "1"),
    ),
    Row(
        "train",
        f"A training step of {BATCH} images of networks of ordinary size, Adam",
        (
            contestant("striate Model.fit", "striate_step", ours=True),
            contestant("torch, channels last", "torch_step"),
            contestant("torch compiled", "torch_step", "--compile"),
            contestant("Keras on TensorFlow", "keras_step", environment="keras-tensorflow",
                       workloads=ALL[2:], backend="tensorflow"),
        ),
        (
            figure("resnet18_64", "ResNet-18, 64×64", 0.149e9),
            figure("resnet18_224", "ResNet-18, 224×224", 1.814e9),
            figure("mobilenet_v2", "MobileNetV2, 224×224", 0.301e9),
            Figure("memory", "Peak memory", "MiB"),
        ),
        quick=("--steps", "2", "--warm-steps", "1"),
        limit=1800,
        note="Keras has no ResNet-18; Lightning's step is torch's, see `step`.",
    ),
)  # fmt: skip

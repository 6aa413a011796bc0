"""What a user waits for before anything else happens: help, imports, the first answer."""

from benchmarks.row import Contestant, Figure, Row

PHOTOGRAPH = "{data}/cats-dogs/test/cats/cat.4001.jpg"


def imports(name: str, line: str, environment: str, ours: bool = False) -> Contestant:
    command = ("python", "-c", f"import {line}")
    backend = {"KERAS_BACKEND": "jax"} if environment == "keras-jax" else {}
    return Contestant(
        name, "nothing", command=command, environment=environment, ours=ours, variables=backend
    )


ROWS = (
    Row(
        "start-help",
        "`striate --help`",
        (Contestant("striate --help", "nothing", command=("striate", "--help"), ours=True),),
        (Figure("wall", "Cold process", limit=0.2),),
    ),
    Row(
        "start-import",
        "Imports, until a network could be made",
        (
            imports("striate: Model, zoo", "striate as s; s.Model; s.zoo.list", "striate", True),
            imports("striate: train", "striate as s; s.train", "striate", True),
            imports("torch", "torch", "striate"),
            imports("lightning", "lightning", "lightning"),
            imports("fastai.vision.all", "benchmarks.contestants.torchvision_operators, "
                    "fastai.vision.all", "fastai"),
            imports("Keras on TensorFlow", "keras", "keras-tensorflow"),
            imports("Keras on JAX", "keras", "keras-jax"),
        ),
        (Figure("wall", "Cold process", target=1.05), Figure("memory", "Peak memory", "MiB")),
        note="The aim is a twentieth above the import of torch alone.",
    ),
    Row(
        "start-predict",
        "The first answer: what is on this photograph?",
        (
            Contestant(
                "striate predict",
                "striate_predict",
                command=("striate", "predict", "{kept}/striate.safetensors", PHOTOGRAPH, "-q"),
                ours=True,
            ),
            Contestant("torch and torchvision", "torch_predict"),
            Contestant("Keras on TensorFlow", "keras_predict", environment="keras-tensorflow"),
            Contestant("Keras on JAX", "keras_predict", environment="keras-jax",
                       variables={"KERAS_BACKEND": "jax"}),
        ),
        (Figure("wall", "Cold process", target=1.05), Figure("memory", "Peak memory", "MiB")),
        data=("cats-dogs", "weights/squeezenet1_1-imagenet.safetensors"),
        note="SqueezeNet 1.1; Keras, which has none, answers with MobileNet v1 0.25, a ninth of "
        "the arithmetic.",
    ),
)  # fmt: skip

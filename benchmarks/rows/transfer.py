"""A classifier of 400 photographs from weights that are there: features cached once, or not."""

from benchmarks.row import Contestant, Figure, Row

EPOCHS = ("--epochs", "20")
FIGURES = (
    Figure("epochs", "The epochs, features included", target=0.1),
    Figure("training", "From the opened folder to the trained head"),
    Figure("wall", "The whole command, imports and test included", limit=30),
    Figure("memory", "Peak memory", unit="MiB"),
)
MOBILENET = (
    *("--model", "mobilenet_v1_0.25"),
    *("--weights", "mobilenet_v1_0.25_224-imagenet.safetensors"),
)

ROWS = (
    Row(
        "transfer",
        "Cats and dogs, head-only from SqueezeNet 1.1",
        (
            Contestant("striate, 20 epochs", "striate_transfer", EPOCHS, ours=True),
            Contestant("striate as it comes", "striate_transfer", ours=True),
            Contestant("torch, body in every epoch", "torch_frozen_body", EPOCHS),
            Contestant(
                "fastai, frozen, 4 epochs", "fastai_transfer", ("--frozen",), environment="fastai"
            ),
            Contestant("fastai, fine_tune(4)", "fastai_transfer", environment="fastai"),
        ),
        FIGURES,
        data=("cats-dogs", "weights/squeezenet1_1-imagenet.safetensors"),
        gate=0.94,
        test_images=100,
        quick=("--epochs", "2"),
        note="All but fastai train 20 epochs; fastai's documented recipes are shorter. "
        "Of 400 training images each holds out 60.",
    ),
    Row(
        "transfer-mobilenet",
        "Cats and dogs, head-only from MobileNet v1 0.25",
        (
            Contestant("striate, 20 epochs", "striate_transfer", (*MOBILENET, *EPOCHS), ours=True),
            Contestant("striate as it comes", "striate_transfer", MOBILENET, ours=True),
            Contestant(
                "Keras on TensorFlow", "keras_transfer", EPOCHS, environment="keras-tensorflow"
            ),
        ),
        FIGURES,
        data=("cats-dogs", "weights/mobilenet_v1_0.25_224-imagenet.safetensors"),
        test_images=100,
        quick=("--epochs", "2"),
        note="Keras has no SqueezeNet, so this pair has the MobileNet that both have.",
    ),
)

"""The first answer in Keras: load a saved MobileNet, one photograph, one class."""

import argparse

import keras
from keras import layers

from benchmarks.contestants.asked import asked, parser


def make(request: argparse.Namespace) -> None:
    """With random weights: the time is the same."""
    inputs = keras.Input((224, 224, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    network = keras.applications.MobileNet((224, 224, 3), alpha=0.25, weights=None)
    keras.Model(inputs, network(x)).save(request.kept / "mobilenet.keras")


def main() -> None:
    request = asked(parser(), make)
    model = keras.models.load_model(request.kept / "mobilenet.keras")
    photograph = request.data / "cats-dogs" / "test" / "cats" / "cat.4001.jpg"
    image = keras.utils.load_img(photograph, target_size=(224, 224))
    print(model.predict(keras.utils.img_to_array(image)[None], verbose=0).argmax())


if __name__ == "__main__":
    main()

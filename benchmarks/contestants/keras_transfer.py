"""Keras's guide to transfer learning: frozen base, pooling, dropout 0.2, one dense unit, Adam.

Source: keras.io/guides/transfer_learning. The base is keras.applications.MobileNet at a quarter of
its width, given the weights of the file. Tuned: decoded and resized pictures are cached in memory
before augmentation, as the guide's own input pipeline has it.
"""

import time
from pathlib import Path

import keras
import numpy as np
from keras import layers
from safetensors.numpy import load_file

from benchmarks.contestants.asked import answer, asked, parser

SIZE, BATCH = (224, 224), 64


def main() -> None:
    options = parser()
    options.add_argument("--epochs", type=int, default=20)
    request = asked(options)
    keras.utils.set_random_seed(request.seed)
    photographs = request.data / "cats-dogs"
    started = time.perf_counter()
    train, held_out = (pictures(photographs / "train", part) for part in ("training", "validation"))
    flips = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
    train = train.cache().map(lambda image, label: (flips(image, training=True), label))
    train, held_out = train.prefetch(10), held_out.cache().prefetch(10)

    base = body(request.data / "weights" / "mobilenet_v1_0.25_224-imagenet.safetensors")
    base.trainable = False
    inputs = keras.Input((*SIZE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    outputs = layers.Dense(1)(layers.Dropout(0.2)(x))
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    begun = time.perf_counter()
    model.fit(train, epochs=request.epochs, validation_data=held_out, verbose=0)
    ended = time.perf_counter()
    _, accuracy = model.evaluate(pictures(photographs / "test"), verbose=0)
    answer(training=ended - started, epochs=ended - begun, accuracy=accuracy)


def pictures(folder: Path, part: str | None = None):  # -> tf.data.Dataset
    return keras.utils.image_dataset_from_directory(
        folder,
        label_mode="binary",
        image_size=SIZE,
        batch_size=BATCH,
        crop_to_aspect_ratio=True,
        shuffle=part is not None,
        validation_split=0.15 if part else None,
        subset=part,
        seed=0,
        verbose=False,
    )


def body(file: Path) -> keras.Model:
    """MobileNet without its top; the file has torch's order of axes."""
    base = keras.applications.MobileNet((*SIZE, 3), alpha=0.25, include_top=False, weights=None)
    arrays = load_file(file)
    for layer in base.layers:
        if not layer.weights:
            continue
        if isinstance(layer, layers.BatchNormalization):
            names = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([arrays[f"{layer.name}.{name}"] for name in names])
        else:
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)  # to [height, width, in, out]
            layer.set_weights([np.transpose(arrays[f"{layer.name}.weight"], axes)])
    return base


if __name__ == "__main__":
    main()

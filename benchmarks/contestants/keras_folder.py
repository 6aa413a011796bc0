"""Two epochs of augmented batches by tf.data, decoded pictures cached in memory."""

import time
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

from benchmarks.contestants.asked import answer, asked, parser
from benchmarks.contestants.photographs import BATCH, folders, make_large


def main() -> None:
    request = asked(parser(), make_large)
    answer(**{key: value for kind in folders(request) for key, value in times(*kind)})


def times(name: str, folder: Path) -> list[tuple[str, float]]:
    """Seconds per image of the first epoch, which fills the cache, and of the second."""
    started, found = time.perf_counter(), []
    pictures = keras.utils.image_dataset_from_directory(
        folder, image_size=(258, 258), crop_to_aspect_ratio=True, batch_size=None, verbose=False
    )
    changes = keras.Sequential([layers.RandomCrop(224, 224), layers.RandomFlip("horizontal")])
    batches = (
        pictures.cache()
        .batch(BATCH)
        .map(lambda images, labels: (changes(images, training=True), labels), tf.data.AUTOTUNE)
    )
    count = len(pictures)
    for key in ("cold", "warm"):
        for _ in batches.prefetch(tf.data.AUTOTUNE):
            pass
        found.append((f"{name}-{key}", (time.perf_counter() - started) / count))
        started = time.perf_counter()
    return found


if __name__ == "__main__":
    main()

"""Batches from folders and from memory."""

from benchmarks.row import Contestant, Figure, Row

TWO_WORKERS = ("--workers", "2")

ROWS = (
    Row(
        "loading",
        "Augmented batches of 224×224 from a folder of photographs, per image",
        (
            Contestant("striate", "striate_folder", ours=True),
            Contestant("ImageFolder, no workers", "torch_folder"),
            Contestant("ImageFolder, 2 workers", "torch_folder", TWO_WORKERS),
            Contestant("tf.data, cached", "keras_folder", environment="keras-tensorflow"),
        ),
        (
            Figure("small-cold", "First epoch", target=1 / 1.3),
            Figure("small-warm", "Second epoch", target=1 / 8),
            Figure("large-cold", "First epoch, 12 megapixels", target=1 / 2.5),
            Figure("large-warm", "Second epoch, 12 megapixels", target=1 / 8),
            Figure("memory", "Peak memory", "MiB"),
        ),
        data=("cats-dogs",),
        note="400 photographs of about 500×375 and 24 of 12 megapixels. The first epoch makes "
        "what the second reads.",
    ),
    Row(
        "loading-small",
        "An epoch of 60,000 shifted 28×28 images from memory",
        (
            Contestant("striate", "striate_small_images", ours=True),
            Contestant("torch DataLoader, no workers", "torch_small_images"),
            Contestant("torch DataLoader, 2 workers", "torch_small_images", TWO_WORKERS),
        ),
        (Figure("epoch", "Epoch", target=1 / 20),),
    ),
)

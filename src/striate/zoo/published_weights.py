"""Weights that others published: where they lie, and how images must be prepared for them.

The digits of a checksum are those that the publisher gives, all of them or the first eight. The
accuracies are the publisher's too, on the ILSVRC 2012 validation set, one central crop.
"""

from dataclasses import dataclass

from striate.data import Preprocessing
from striate.errors import UsageError, unknown_name

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)  # to -1..1

TORCHVISION = "https://download.pytorch.org/models/"
TIMM = "https://github.com/rwightman/pytorch-image-models/releases/download/"
TIMM_HUB = "https://huggingface.co/timm/"
KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
CLASS_NAMES = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json",
    "md5:c2c37ea517e94d9795004a39431a14cb",
)


@dataclass(frozen=True)
class PublishedWeights:
    """One set of weights for one architecture of ours, trained on the 1000 classes of ILSVRC 2012.

    Args:
        source: whose names the tensors have: torchvision, timm or keras.
        digest: "sha256:" or "md5:" and the hexadecimal digits; "" where the publisher gives none.
        top1, top5: accuracy in percent as published; None where not found.
        size: pixels the network sees, height = width.
        canvas: pixels of the shorter side before the centre is cut out.
    """

    name: str
    source: str
    url: str
    digest: str
    top1: float | None
    top5: float | None
    size: int = 224
    canvas: int = 256
    bicubic: bool = False
    scale: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET  # mean and std

    @property
    def file(self) -> str:
        """The name of the downloaded file; folders of the hub become part of it."""
        return self.url.removeprefix(TIMM_HUB).replace("/resolve/main/", "-").rpartition("/")[2]

    @property
    def preprocessing(self) -> Preprocessing:
        mean, std = self.scale
        return Preprocessing(
            size=(self.size, self.size),
            canvas=(self.canvas, self.canvas),
            interpolation="bicubic" if self.bicubic else "bilinear",
            mean=mean,
            std=std,
        )


def _torchvision(
    name: str,
    stem: str,
    digits: str,
    top1: float,
    top5: float,
    *,
    size: int = 224,
    canvas: int = 256,
    bicubic: bool = False,
    scale: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET,
) -> PublishedWeights:
    """Their file names end in the first digits of the SHA-256."""
    url = f"{TORCHVISION}{stem}-{digits}.pth"
    digest = f"sha256:{digits}"
    return PublishedWeights(
        name, "torchvision", url, digest, top1, top5, size, canvas, bicubic, scale
    )


WEIGHTS: tuple[PublishedWeights, ...] = (
    # our name, theirs, first digits of the SHA-256, top-1, top-5
    _torchvision("alexnet_one_column", "alexnet-owt", "7be5be79", 56.52, 79.07),
    _torchvision("vgg11", "vgg11", "8a719046", 69.02, 88.63),
    _torchvision("vgg11_bn", "vgg11_bn", "6002323d", 70.37, 89.81),
    _torchvision("vgg13", "vgg13", "19584684", 69.93, 89.25),
    _torchvision("vgg13_bn", "vgg13_bn", "abd245e5", 71.59, 90.37),
    _torchvision("vgg16", "vgg16", "397923af", 71.59, 90.38),
    _torchvision("vgg16_bn", "vgg16_bn", "6c64b313", 73.36, 91.52),
    _torchvision("vgg19", "vgg19", "dcbb9e9d", 72.38, 90.88),
    _torchvision("vgg19_bn", "vgg19_bn", "c79401a0", 74.22, 91.84),
    _torchvision("resnet18", "resnet18", "f37072fd", 69.76, 89.08),
    _torchvision("resnet34", "resnet34", "b627a593", 73.31, 91.42),
    _torchvision("resnet50", "resnet50", "0676ba61", 76.13, 92.86),
    _torchvision("resnet101", "resnet101", "63fe2227", 77.37, 93.55),
    _torchvision("resnet152", "resnet152", "394f9c45", 78.31, 94.05),
    _torchvision("resnext50_32x4d", "resnext50_32x4d", "7cdf4587", 77.62, 93.70),
    _torchvision("resnext101_32x8d", "resnext101_32x8d", "8ba56ff5", 79.31, 94.53),
    _torchvision("densenet121", "densenet121", "a639ec97", 74.43, 91.97),
    _torchvision("densenet169", "densenet169", "b2777c0a", 75.60, 92.81),
    _torchvision("densenet201", "densenet201", "c1103571", 76.90, 93.37),
    _torchvision("densenet161", "densenet161", "8d451a50", 77.14, 93.56),
    _torchvision("squeezenet1_0", "squeezenet1_0", "b66bff10", 58.09, 80.42),
    _torchvision("squeezenet1_1", "squeezenet1_1", "b8a52dc0", 58.18, 80.62),
    _torchvision("mobilenet_v2", "mobilenet_v2", "b0353104", 71.88, 90.29),
    _torchvision("mobilenet_v3_large", "mobilenet_v3_large", "8738ca79", 74.04, 91.34),
    _torchvision("mobilenet_v3_small", "mobilenet_v3_small", "047dcff4", 67.67, 87.40),
    _torchvision("googlenet_bn", "googlenet", "1378be20", 69.78, 89.53, scale=HALF),
    _torchvision(
        "inception_v3",
        "inception_v3_google",
        "0cc3c7bd",
        77.29,
        93.45,
        size=299,
        canvas=342,
        scale=HALF,
    ),
    _torchvision(
        "efficientnet_b0", "efficientnet_b0_rwightman", "7f5810bc", 77.69, 93.53, bicubic=True
    ),
    _torchvision(
        "efficientnet_b1",
        "efficientnet_b1_rwightman",
        "bac287d4",
        78.64,
        94.19,
        size=240,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_b2",
        "efficientnet_b2_rwightman",
        "c35c1473",
        80.61,
        95.31,
        size=288,
        canvas=288,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_b3",
        "efficientnet_b3_rwightman",
        "b3899882",
        82.01,
        96.05,
        size=300,
        canvas=320,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_b4",
        "efficientnet_b4_rwightman",
        "23ab8bcd",
        83.38,
        96.59,
        size=380,
        canvas=384,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_b5",
        "efficientnet_b5_lukemelas",
        "1a07897c",
        83.44,
        96.63,
        size=456,
        canvas=456,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_b6",
        "efficientnet_b6_lukemelas",
        "24a108a5",
        84.01,
        96.92,
        size=528,
        canvas=528,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_b7",
        "efficientnet_b7_lukemelas",
        "c5b4e57e",
        84.12,
        96.91,
        size=600,
        canvas=600,
        bicubic=True,
    ),
    _torchvision(
        "efficientnet_v2_s", "efficientnet_v2_s", "dd5fe13b", 84.23, 96.88, size=384, canvas=384
    ),
    _torchvision("convnext_tiny", "convnext_tiny", "983f1562", 82.52, 96.15, canvas=236),
    *(
        PublishedWeights(name, "timm", TIMM + path, f"sha256:{path[-12:-4]}", top1, top5)
        for name, path, top1, top5 in (
            ("se_resnet50", "v0.1-cadene/se_resnet50-ce0d4300.pth", 77.65, 93.76),
            (
                "se_resnext50_32x4d",
                "v0.1-weights/legacy_se_resnext50_32x4d-f3651bad.pth",
                79.08,
                94.43,
            ),
            ("senet154", "v0.1-weights/legacy_senet154-e9eb9fe6.pth", 81.31, 95.50),
        )
    ),
    *(
        PublishedWeights(
            name,
            "timm",
            f"{TIMM_HUB}{repository}/resolve/main/model.safetensors",
            "",
            None,
            None,
            canvas=canvas,
            bicubic=True,
            scale=HALF,
        )
        for name, repository, canvas in (
            ("resnet50_v2", "resnetv2_50.a1h_in1k", 236),
            ("resnet101_v2", "resnetv2_101.a1h_in1k", 236),
            ("vit_small_16", "vit_small_patch16_224.augreg_in21k_ft_in1k", 249),
        )
    ),
    *(
        PublishedWeights(name, "keras", KERAS + path, digest, top1, top5, size, canvas, scale=HALF)
        for name, path, digest, top1, top5, size, canvas in (
            (
                "xception",
                "xception/xception_weights_tf_dim_ordering_tf_kernels.h5",
                "md5:0a58e3b7378bc2990ea3b43d5981f1f6",
                79.0,
                94.5,
                299,
                342,
            ),
            (
                "nasnet_a_mobile",
                "nasnet/NASNet-mobile.h5",
                "md5:020fb642bf7360b370c678b08e0adf61",
                74.4,
                91.9,
                224,
                256,
            ),
            (
                "nasnet_a_large",
                "nasnet/NASNet-large.h5",
                "md5:11577c9a518f0070763c2b964a382f17",
                82.5,
                96.0,
                331,
                379,
            ),
            ("mobilenet_v1", "mobilenet/mobilenet_1_0_224_tf.h5", "", 70.4, 89.5, 224, 256),
            ("mobilenet_v1_0.75", "mobilenet/mobilenet_7_5_224_tf.h5", "", None, None, 224, 256),
            ("mobilenet_v1_0.5", "mobilenet/mobilenet_5_0_224_tf.h5", "", None, None, 224, 256),
            ("mobilenet_v1_0.25", "mobilenet/mobilenet_2_5_224_tf.h5", "", None, None, 224, 256),
            *(
                (
                    f"mobilenet_v2_same{suffix}",
                    "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_"
                    f"{suffix.removeprefix('_') or '1.0'}_224.h5",
                    "",
                    top1,
                    top5,
                    224,
                    256,
                )
                for suffix, top1, top5 in (
                    ("_0.35", None, None),
                    ("_0.5", None, None),
                    ("_0.75", None, None),
                    ("", 71.3, 90.1),
                    ("_1.3", None, None),
                    ("_1.4", None, None),
                )
            ),
        )
    ),
)


def published(name: str, source: str | None = None) -> PublishedWeights:
    """The weights of an architecture; the first of the table where several sources have some.

    Raises:
        UsageError: nobody is known to have published any.
        UnknownName: that source has none.

    >>> published("resnet18").top1
    69.76
    """
    found = {each.source: each for each in WEIGHTS if each.name == name}
    if not found:
        raise UsageError(
            "zoo-no-weights",
            f"Nobody is known to have published weights for {name}.",
            "See striate zoo --published for the networks with weights.",
        )
    if source is not None and source not in found:
        raise unknown_name(f"source of weights for {name}", source, found)
    return found[source] if source is not None else next(iter(found.values()))

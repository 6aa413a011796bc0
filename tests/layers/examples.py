"""One layer or more of every kind, each with an input that it takes."""

from striate import layers
from striate.layers import L1, L1L2, L2, Conv2D, Dense

VECTOR, SIGNAL, IMAGE, VOLUME = (12,), (9, 4), (8, 6, 4), (5, 6, 4, 4)
SHAPES = {0: VECTOR, 1: SIGNAL, 2: IMAGE, 3: VOLUME}


def _of_every_rank(stem, *args, **options):
    return [
        (getattr(layers, f"{stem.format(rank)}")(*args, **options), SHAPES[rank])
        for rank in (1, 2, 3)
        if hasattr(layers, stem.format(rank))
    ]


EXAMPLES = [
    *((layers.Input(shape, name="start"), shape) for shape in SHAPES.values()),
    *_of_every_rank("Conv{}D", 6, 3, 2, "same", groups=2, activation="gelu", use_bias=False),
    *_of_every_rank("Conv{}D", 6, 2, padding=1, dilation_rate=2, kernel_regularizer=L2(0.1)),
    (Conv2D(6, (3, 2), (2, 1), (1, 0), kernel_initializer="orthogonal"), IMAGE),
    *_of_every_rank("Conv{}DTranspose", 6, 3, 2, "same", activation="relu"),
    *_of_every_rank("Conv{}DTranspose", 6, 2, 3),
    *_of_every_rank("Conv{}DTranspose", 6, 3, 2, 1, output_padding=1, dilation_rate=2, groups=2),
    *_of_every_rank("SeparableConv{}D", 6, 2, 2, "same", depth_multiplier=2, activation="relu"),
    *_of_every_rank("SeparableConv{}D", 6, 3, padding=1, kernel_regularizer="l1"),
    (layers.DepthwiseConv2D(3, 2, "same", 2, activation="silu", kernel_regularizer="l2"), IMAGE),
    (layers.PointwiseConv2D(3, "hard_swish", kernel_regularizer=L1L2(0.1, 0.2)), IMAGE),
    *_of_every_rank("MaxPooling{}D", 3, 2, "same"),
    *_of_every_rank("MaxPooling{}D", 2),
    *_of_every_rank("AveragePooling{}D", 3, 2, 1),
    *_of_every_rank("AveragePooling{}D", 2, 1, "same"),
    *_of_every_rank("GlobalMaxPooling{}D"),
    *_of_every_rank("GlobalAveragePooling{}D"),
    *_of_every_rank("AdaptiveMaxPooling{}D", 3),
    *_of_every_rank("AdaptiveAveragePooling{}D", 2),
    (layers.AdaptiveMaxPooling2D((3, 2)), IMAGE),
    (Dense(10, "softmax", kernel_initializer="he_normal", input_shape=(12,)), VECTOR),
    (Dense(3, kernel_regularizer=L1(0.5)), VECTOR),
    (layers.Maxout(5, 3, kernel_regularizer="l1_l2"), VECTOR),
    *((layers.Flatten(), shape) for shape in SHAPES.values()),
    (layers.Reshape((3, 4)), VECTOR),
    (layers.Reshape((2, -1, 3)), VECTOR),
    (layers.Reshape(-1), IMAGE),
    (layers.Reshape((4, 4, 3, 4)), IMAGE),
    *_of_every_rank("ZeroPadding{}D", 2),
    *_of_every_rank("Cropping{}D", 1),
    (layers.ZeroPadding1D((1, 2)), SIGNAL),
    (layers.ZeroPadding2D(((1, 0), (2, 3))), IMAGE),
    (layers.ZeroPadding3D((1, 0, (0, 2))), VOLUME),
    (layers.Cropping1D((0, 3)), SIGNAL),
    (layers.Cropping2D(((1, 0), (2, 3))), IMAGE),
    (layers.Cropping3D((1, 0, (0, 2))), VOLUME),
    *_of_every_rank("UpSampling{}D", 3),
    (layers.UpSampling2D((2, 3), "bilinear"), IMAGE),
    *((layers.BatchNormalization(momentum=0.99), shape) for shape in SHAPES.values()),
    (layers.BatchNormalization(epsilon=1e-5, gamma_initializer="zeros"), IMAGE),
    *((layers.LayerNormalization(epsilon=1e-6), shape) for shape in SHAPES.values()),
    *((layers.GroupNormalization(2), shape) for shape in SHAPES.values()),
    (layers.GroupNormalization(-1), IMAGE),
    *((layers.LocalResponseNormalization(3, alpha=0.5), shape) for shape in SHAPES.values()),
    *((layers.Dropout(0.25), shape) for shape in SHAPES.values()),
    *((layers.DropPath(0.25), shape) for shape in SHAPES.values()),
    *_of_every_rank("SpatialDropout{}D", 0.25),
    *((layers.Activation("leaky_relu"), shape) for shape in SHAPES.values()),
    (layers.ReLU(), IMAGE),
    (layers.ReLU(max_value=6.0), IMAGE),
    (layers.LeakyReLU(0.3), IMAGE),
    *((layers.PReLU(), shape) for shape in SHAPES.values()),
    (layers.ELU(0.5), IMAGE),
    *((layers.Softmax(), shape) for shape in SHAPES.values()),
    (layers.Residual([Conv2D(4, 3, padding="same")], zero_last_gamma=False), IMAGE),
    (layers.Residual([Conv2D(6, 3, 2, "same"), layers.BatchNormalization()]), IMAGE),
    (layers.Residual(layers.Conv1D(5, 3, 2, "same"), activation=None), SIGNAL),
    (layers.Residual(layers.Conv3D(5, 3, (1, 2, 3), "same")), VOLUME),
    (layers.Residual([Dense(12, "relu"), Dense(5)], activation="tanh"), VECTOR),
    (layers.Residual(Conv2D(5, 3), shortcut=[Conv2D(5, 1), layers.Cropping2D(1)]), IMAGE),
    (layers.Branches([(), Conv2D(3, 1), [layers.MaxPooling2D(3, 1, "same"), Conv2D(2, 1)]]), IMAGE),
    (layers.Branches([Dense(3), layers.Residual(Dense(12))]), VECTOR),
    (layers.SqueezeExcite(2), IMAGE),
    (layers.Fire(2, 3, 5), IMAGE),
    (layers.DenseBlock(3, 5), IMAGE),
    (layers.DenseBlock(2, 3, bottleneck=0), IMAGE),
    (layers.InvertedResidual(4), IMAGE),
    (layers.InvertedResidual(6, 1, 2, 5, reduction=2, activation="hard_swish"), IMAGE),
    (layers.LSTM(5), SIGNAL),
    (layers.LSTM(5, return_sequences=True), SIGNAL),
    (layers.GRU(5, kernel_initializer="he_uniform"), SIGNAL),
    (layers.GRU(5, return_sequences=True), SIGNAL),
]

JOINING = [
    layers.Concatenate(),
    layers.Add(),
    layers.Multiply(),
    layers.Average(),
    layers.Maximum(),
]


def named(example):
    """A test's name for an example."""
    layer, shape = example
    return f"{layer.kind}-{'x'.join(map(str, shape))}"

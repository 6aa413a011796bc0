"""What beginners do, and the exact words they get: who or what is wrong, and the fix."""

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import StriateError, StriateWarning


def images(n=6, height=8, width=8, channels=1):
    return np.random.default_rng(0).random((n, height, width, channels)).astype(np.float32)


def labels(n=6, classes=3):
    return np.arange(n) % classes


def head(*last, shape=(8, 8, 1)):
    """A small network that ends with these layers."""
    return st.Sequential([layers.Input(shape), layers.Flatten(), *last])


def fit(model=None, x=None, y=None, loss="sparse_categorical_crossentropy", **options):
    model = model or head(layers.Dense(3, activation="softmax"))
    metrics = options.pop("metrics", None)
    model.compile(options.pop("optimizer", "adam"), loss, metrics)
    x = images() if x is None else x
    model.fit(x, labels() if y is None else y, verbose=False, **options)
    return model


def not_compiled():
    head(layers.Dense(3)).fit(images(), labels())


def files_without_preprocessing(folder="photos"):
    fit().predict("photo.jpg")


def class_names_of_another_number():
    model = st.Sequential(
        [layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)], classes=["cat", "dog"]
    )
    model.predict(images())


def branches_that_do_not_fit():
    x = layers.Input((8, 8, 3))
    layers.Add()([layers.Conv2D(16, 3, padding="same")(x), x])


def branches_of_other_sizes():
    x = layers.Input((8, 8, 3))
    layers.Concatenate(name="join")([layers.Conv2D(16, 3)(x), x])


def numbers_instead_of_symbols():
    layers.Dense(3)(images())


def with_softmax_inside():
    fit(head(layers.Dense(5, activation="softmax"), layers.Dense(3, activation="softmax")))


def torch_network_with_softmax():
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 3), torch.nn.Softmax(dim=1)
    )
    fit(st.Model(network))


def torch_network(*modules):
    fit(st.Model(torch.nn.Sequential(*modules)))


def other_size_than_in_training():
    model = st.Model(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)))
    fit(model).predict(images(height=4))


ERRORS = {
    "channels of the data": lambda: fit(x=images(channels=3)),
    "channels first": lambda: fit(
        head(layers.Dense(3), shape=(8, 8, 3)), x=images(channels=3).transpose(0, 3, 1, 2)
    ),
    "channels last in torch": lambda: fit(
        head(layers.Dense(3), shape=(8, 8, 3)), x=torch.rand(6, 8, 8, 3)
    ),
    "channels first in Input": lambda: st.Sequential(
        [layers.Input((3, 32, 32)), layers.Conv2D(8, 5)]
    ),
    "channels of a torch convolution": lambda: torch_network(
        torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 3)
    ),
    "channels between torch convolutions": lambda: torch_network(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Conv2d(8, 4, 3), torch.nn.Flatten()
    ),
    "channels of a torch batch norm": lambda: torch_network(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten()
    ),
    "missing flatten in torch": lambda: torch_network(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(144, 3)
    ),
    "missing flatten and features counted wrong in torch": lambda: torch_network(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(64, 3)
    ),
    "features counted wrong in torch": lambda: torch_network(
        torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(100, 3)
    ),
    "convolution after flatten in torch": lambda: torch_network(
        torch.nn.Flatten(), torch.nn.Conv2d(64, 4, 1)
    ),
    "pooled away in torch": lambda: torch_network(
        torch.nn.MaxPool2d(4), torch.nn.MaxPool2d(4), torch.nn.Flatten()
    ),
    "another size than in training": other_size_than_in_training,
    "x and y swapped": lambda: fit(
        st.Model(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))),
        x=labels(),
        y=images(),
    ),
    "file names as images": lambda: fit(x=["cat.jpg"] * 6),
    "pooled away to nothing": lambda: st.Sequential(
        [layers.Input((8, 8, 1)), *[layers.MaxPooling2D(2) for _ in range(4)]]
    ),
    "missing flatten": lambda: st.Sequential(
        [layers.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Dense(10)]
    ),
    "convolution after flatten": lambda: head(layers.Conv2D(4, 3)),
    "no head": lambda: fit(st.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(4, 3)])),
    "one-hot labels of another width": lambda: fit(
        y=np.eye(4)[labels()], loss="categorical_crossentropy"
    ),
    "float labels": lambda: fit(y=labels() / 2),
    "words as labels": lambda: fit(y=np.array(["cat", "dog"] * 3)),
    "labels from 1": lambda: fit(y=labels() + 1),
    "more classes than units": lambda: fit(y=labels(classes=5)),
    "class names of another number": class_names_of_another_number,
    "no batch axis": lambda: fit().predict(images()[0]),
    "fewer labels than images": lambda: fit(y=labels(5)),
    "no data": lambda: fit(x=images(0), y=labels(0)),
    "an empty list": lambda: fit(st.Sequential([layers.Dense(3)]), x=[], y=[]),
    "NaN in the images": lambda: fit(x=np.full((6, 8, 8, 1), np.nan)),
    "NaN in the targets": lambda: fit(head(layers.Dense(1)), y=[1, 2, np.nan, 4, 5, 6], loss="mse"),
    "images of many sizes": lambda: fit(x=[images()[0], images(height=9)[0]]),
    "unknown optimizer": lambda: fit(optimizer="adamm"),
    "unknown loss": lambda: fit(loss="crossentropy"),
    "unknown activation": lambda: layers.Dense(3, activation="rellu"),
    "unknown metric": lambda: fit(metrics=["acuracy"]),
    "a torch loss": lambda: fit(loss=torch.nn.CrossEntropyLoss()),
    "a torch optimizer": lambda: fit(optimizer=torch.optim.Adam),
    "accuracy of numbers": lambda: fit(head(layers.Dense(1)), loss="mse", metrics=["accuracy"]),
    "fit before compile": not_compiled,
    "files without preprocessing": files_without_preprocessing,
    "zero filters": lambda: layers.Conv2D(0, 3),
    "negative units": lambda: layers.Dense(-1),
    "kernel larger than the image": lambda: st.Sequential(
        [layers.Input((5, 5, 1)), layers.Conv2D(4, 7)]
    ),
    "padding misspelt": lambda: layers.Conv2D(4, 3, padding="smae"),
    "dropout in percent": lambda: layers.Dropout(50),
    "batch axis in Input": lambda: layers.Input((None, 28, 28, 1)),
    "a class instead of a layer": lambda: st.Sequential([layers.Flatten]),
    "a torch module in a list of layers": lambda: st.Sequential([torch.nn.Flatten()]),
    "sigmoid with one class an image": lambda: fit(head(layers.Dense(3, activation="sigmoid"))),
    "softmax with binary cross-entropy": lambda: fit(
        head(layers.Dense(3, activation="softmax")),
        y=np.eye(3)[labels()],
        loss="binary_crossentropy",
    ),
    "softmax over one unit": lambda: fit(head(layers.Dense(1, activation="softmax"))),
    "one unit without activation": lambda: fit(head(layers.Dense(1)), y=labels(classes=2)),
    "validation in percent": lambda: fit(validation_split=20),
    "no epochs": lambda: fit(epochs=0),
    "branches that do not fit": branches_that_do_not_fit,
    "branches of other sizes": branches_of_other_sizes,
    "numbers instead of symbols": numbers_instead_of_symbols,
}

WARNINGS = {
    "values of 0 to 255": lambda: fit(x=images() * 255),
    "bytes": lambda: fit(x=(images() * 255).astype(np.uint8)),
    "softmax twice": with_softmax_inside,
    "softmax twice in torch": torch_network_with_softmax,
    "one-hot labels for the sparse loss": lambda: fit(y=np.eye(3)[labels()]),
    "relu at the end": lambda: fit(head(layers.Dense(3, activation="relu"))),
}

WORDS = {
    "channels of a torch convolution": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '0' (Conv2d) takes 3 channels and "
        "gets 1. Give it in_channels=1, or an input of 3 channels.",
    ),
    "channels between torch convolutions": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '1' (Conv2d) takes 8 channels and "
        "gets 4. Give it in_channels=4, or an input of 8 channels.",
    ),
    "channels of a torch batch norm": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '1' (BatchNorm2d) takes 8 channels "
        "and gets 4. Give it num_features=4, or an input of 8 channels.",
    ),
    "missing flatten in torch": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '1' (Linear) takes a vector of 144 "
        "features and gets a feature map of 6×6×4. Put torch.nn.Flatten() before it.",
    ),
    "missing flatten and features counted wrong in torch": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '1' (Linear) takes a vector of 64 "
        "features and gets a feature map of 6×6×4. Put torch.nn.Flatten() before it and give it "
        "in_features=144.",
    ),
    "features counted wrong in torch": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '2' (Linear) takes 100 features "
        "and gets 144. Give it in_features=144, or images of another size.",
    ),
    "convolution after flatten in torch": (
        "shape-module-misfit",
        "Sequential cannot take an input of 8×8×1: its module '1' (Conv2d) needs a feature map "
        "and gets a vector of 64 features. Put it before Flatten and Linear.",
    ),
    "pooled away in torch": (
        "summary-pooled-away",
        "Sequential cannot take an input of 8×8×1: its module '1' (MaxPool2d) says: nothing is "
        "left of the image there (Given input size: (1x2x2). Calculated output size: (1x0x0). "
        "Output size is too small). Take larger images, a smaller kernel, or fewer strides and "
        "poolings before it.",
    ),
    "another size than in training": (
        "shape-module-misfit",
        "Sequential cannot take an input of 4×8×1: its module '1' (Linear) takes 64 features and "
        "gets 32. Give it in_features=32, or images of another size.",
    ),
    "x and y swapped": (
        "shape-no-rows",
        "x must be (N, height, width, channels) or (N, features), got shape (6,). For one "
        "feature use x[:, None].",
    ),
    "file names as images": (
        "data-not-numbers",
        "Images must be numbers, got words such as 'cat.jpg'. Read the files first, or give "
        "their paths to st.train or predict.",
    ),
    "channels of the data": (
        "shape-input",
        "x: the network takes images of shape (8, 8, 1), got images of shape (8, 8, 3). The "
        "images have 3 channels instead of 1: convert them, or say Input((8, 8, 3)).",
    ),
    "channels first": (
        "shape-input",
        "x: the network takes images of shape (8, 8, 3), got images of shape (3, 8, 8). NumPy "
        "images are (N, height, width, channels): x.transpose(0, 2, 3, 1). Torch tensors are "
        "(N, channels, height, width).",
    ),
    "channels last in torch": (
        "shape-input",
        "x: the network takes images of shape (8, 8, 3), got images of shape (8, 3, 8). Torch "
        "tensors are (N, channels, height, width): x.permute(0, 3, 1, 2).",
    ),
    "channels first in Input": (
        "shape-window-too-large",
        "Layer 2 (conv2d_1): a kernel of 5×5 does not fit into its input of 3×32×32 "
        "(height×width×channels); the output would be 0×28×8. Shapes are (height, width, "
        "channels); did you mean (32, 32, 3)?",
    ),
    "pooled away to nothing": (
        "shape-window-too-large",
        "Layer 5 (max_pooling2d_4): a pool_size of 2×2 does not fit into its input of 1×1×1 "
        '(height×width×channels); the output would be 0×0×1. Use padding="same", a smaller '
        "pool_size, or fewer strides and poolings before it.",
    ),
    "missing flatten": (
        "shape-needs-vector",
        "Layer 3 (dense_1): Dense needs a vector (features,), got a feature map of 6×6×4 "
        "(height×width×channels). Add Flatten() before it (144 features) or "
        "GlobalAveragePooling2D() (4 features).",
    ),
    "convolution after flatten": (
        "shape-needs-map",
        "Layer 3 (conv2d_1): Conv2D needs a feature map (height, width, channels), got a "
        "vector of 64 features. Put it before Flatten, GlobalAveragePooling2D and Dense.",
    ),
    "no head": (
        "train-outputs-not-rows",
        "conv2d_1: the network gives 4×6×6 values for an image (channels first), and "
        "sparse_categorical_crossentropy takes one row of classes. End with Flatten() or "
        "GlobalAveragePooling2D(), then Dense(classes).",
    ),
    "one-hot labels of another width": (
        "data-label-width",
        "y: the one-hot labels have 4 columns, the network 3 outputs. The "
        "last layer, 'dense_1' (Linear), needs 4 units.",
    ),
    "float labels": (
        "data-labels-not-indices",
        "y: class labels must be whole numbers from 0, got values such as [0.0, 0.5, 1.0]. "
        "For a number to predict, compile with loss='mean_squared_error'.",
    ),
    "words as labels": (
        "data-labels-not-numbers",
        "y: labels must be numbers (class numbers or one-hot rows), got words such as "
        "'cat'. Number the classes: classes, y = np.unique(y, return_inverse=True).",
    ),
    "labels from 1": (
        "data-labels-from-one",
        "y: the labels run from 1 to 3; classes are numbered from 0 to 2. Use y - 1.",
    ),
    "more classes than units": (
        "data-label-beyond-classes",
        "y: the labels go up to 4, but the network has 3 outputs, for labels 0 to 2. The"
        " last layer, 'dense_1' (Linear), needs 5 units.",
    ),
    "class names of another number": (
        "model-class-number",
        "The model names 2 classes, and the network has 3 outputs. Give 3 names in classes=, "
        "or the last layer 2 units.",
    ),
    "no batch axis": (
        "shape-batch-axis",
        "x is one image of shape (8, 8, 1); the network takes a batch of images, (N, 8, 8, "
        "1). Add the batch axis: x[None].",
    ),
    "fewer labels than images": (
        "data-lengths",
        "There are 6 images in x and 5 labels in y. Give one label for each image.",
    ),
    "no data": (
        "data-no-images",
        "x is empty: there are no images. Give at least one image.",
    ),
    "an empty list": (
        "data-no-images",
        "x is empty: there are no images. Give at least one image.",
    ),
    "NaN in the images": (
        "data-not-finite",
        "x: 6 of 6 rows hold NaN or infinity, the first is x[0]. Repair or leave them out: "
        "x[np.isfinite(x).reshape(len(x), -1).all(axis=1)].",
    ),
    "NaN in the targets": (
        "data-not-finite",
        "y: 1 of 6 rows hold NaN or infinity, the first is y[2]. Repair or leave them out: "
        "y[np.isfinite(y).reshape(len(y), -1).all(axis=1)].",
    ),
    "images of many sizes": (
        "shape-ragged",
        "The rows of the array differ in shape, such as (8, 8, 1) and (9, 8, 1), so they make no "
        "batch. Resize the images to one size, or give files and a Preprocessing.",
    ),
    "unknown optimizer": (
        "unknown-name",
        "No optimizer is named 'adamm'. Did you mean 'adam' or 'adamw'?",
    ),
    "unknown loss": (
        "unknown-name",
        "No loss is named 'crossentropy'. Did you mean 'cross_entropy' or "
        "'binary_crossentropy' or 'categorical_crossentropy'?",
    ),
    "unknown activation": (
        "unknown-name",
        "No activation is named 'rellu'. Did you mean 'relu' or 'relu6' or 'prelu'?",
    ),
    "unknown metric": (
        "unknown-name",
        "No metric is named 'acuracy'. Did you mean 'accuracy' or 'top_5_accuracy' or "
        "'binary_accuracy'?",
    ),
    "a torch loss": (
        "train-bad-loss",
        "compile: loss must be a name or one of striate.losses, got CrossEntropyLoss. For "
        'example loss="categorical_crossentropy". Names: categorical_crossentropy, '
        "sparse_categorical_crossentropy, binary_crossentropy, "
        "categorical_focal_crossentropy, binary_focal_crossentropy, multiclass_hinge, "
        "multiclass_squared_hinge, categorical_hinge, mean_squared_error, "
        "mean_absolute_error, huber.",
    ),
    "a torch optimizer": (
        "train-bad-optimizer",
        "compile: optimizer must be a name or one of striate.optimizers, got Adam. For "
        "example optimizers.Adam(learning_rate=1e-3). Names: sgd, adam, adamw, rmsprop, "
        "adadelta.",
    ),
    "accuracy of numbers": (
        "train-metric-task",
        "compile: the metric 'accuracy' is for classes, the loss mean_squared_error for "
        "numbers. Metrics that fit: mean_absolute_error, mean_squared_error. For classes use "
        "loss='categorical_crossentropy'.",
    ),
    "fit before compile": (
        "model-not-compiled",
        'fit: the model has no optimizer and loss yet. Call model.compile(optimizer="adam", '
        'loss="categorical_crossentropy") first.',
    ),
    "files without preprocessing": (
        "model-no-preprocessing",
        "This model was trained on arrays and does not know how to read a picture. Give it "
        "one: model.preprocessing = st.Preprocessing(size=…, channels=…).",
    ),
    "zero filters": (
        "shape-not-whole",
        "Conv2D: filters must be a whole number ≥ 1, got 0.",
    ),
    "negative units": (
        "shape-not-whole",
        "Dense: units must be a whole number ≥ 1, got -1.",
    ),
    "kernel larger than the image": (
        "shape-window-too-large",
        "Layer 2 (conv2d_1): a kernel of 7×7 does not fit into its input of 5×5×1 "
        '(height×width×channels); the output would be 0×0×4. Use padding="same", a smaller '
        "kernel, or fewer strides and poolings before it.",
    ),
    "padding misspelt": (
        "model-bad-option",
        'Conv2D: padding must be "valid", "same", a number or a pair of numbers, got \'smae\'.',
    ),
    "dropout in percent": (
        "model-bad-option",
        "Dropout: rate must be a fraction, 0 or more and below 1, got 50.",
    ),
    "batch axis in Input": (
        "shape-bad-input",
        "Input: an input shape is (height, width, channels) or (features,), all whole numbers"
        " ≥ 1, got (None, 28, 28, 1). Leave out the batch axis: (28, 28, 1).",
    ),
    "a class instead of a layer": (
        "model-not-a-layer",
        "Sequential: layer 1 must be one of striate.layers, got the class "
        "Flatten. Write Flatten() with parentheses.",
    ),
    "a torch module in a list of layers": (
        "model-not-a-layer",
        "Sequential: layer 1 must be one of striate.layers, got the torch module "
        "Flatten(start_dim=1, end_dim=-1). Use a layer of striate.layers, or "
        "st.Model(network) for a torch network.",
    ),
    "sigmoid with one class an image": (
        "train-sigmoid-loss",
        "dense_1: sigmoid takes each output for itself, and sparse_categorical_crossentropy "
        'shares 1 between all outputs. Use activation="softmax" for one class an image, or '
        'loss="binary_crossentropy" for several labels or one yes-or-no output.',
    ),
    "softmax with binary cross-entropy": (
        "train-softmax-loss",
        "dense_1: softmax shares 1 between all outputs, and binary_crossentropy takes each "
        'output for itself. Use loss="categorical_crossentropy" for one class an image, or '
        'activation="sigmoid" for several labels.',
    ),
    "softmax over one unit": (
        "train-softmax-of-one",
        "dense_1: softmax over 1 unit is always 1, so nothing can be learned. Use Dense(1, "
        'activation="sigmoid") with loss="binary_crossentropy", or Dense(2, '
        'activation="softmax").',
    ),
    "one unit without activation": (
        "train-one-output",
        "dense_1: the network has 1 output, and sparse_categorical_crossentropy needs one for"
        " each class. Give the last layer one unit for each class, or use "
        'loss="binary_crossentropy".',
    ),
    "validation in percent": (
        "usage-validation-split",
        "fit: validation_split must be a fraction between 0 and 1, got 20. For 20 percent say 0.2.",
    ),
    "no epochs": (
        "usage-recipe",
        "fit: epochs = 0: input should be greater than or equal to 1. Change it and start again.",
    ),
    "branches that do not fit": (
        "graph-shapes-differ",
        "Add: inputs must have one shape, got 8×8×16 and 8×8×3. Bring the second to 16 "
        "channels with Conv2D(16, 1), or join with Concatenate().",
    ),
    "branches of other sizes": (
        "graph-shapes-differ",
        "join: inputs must have one height and width, got 6×6×16 and 8×8×3. Give both "
        'branches the same strides and poolings, and padding="same".',
    ),
    "numbers instead of symbols": (
        "graph-not-symbolic",
        "Dense: a layer is called on layers.Input or on what another layer gave, got ndarray."
        " Begin with x = layers.Input((height, width, channels)); for numbers build a model "
        "and call model.predict.",
    ),
    "values of 0 to 255": (
        "data-not-scaled",
        "x: values reach 254.289; networks learn from values of about 0 to 1. Divide by 255, "
        "here and in predict: x / 255.",
    ),
    "bytes": (
        "data-not-scaled",
        "x: values reach 254; networks learn from values of about 0 to 1. Divide by 255, here"
        " and in predict: x / 255.",
    ),
    "softmax twice": (
        "train-softmax-twice",
        "dense_1 and dense_2: softmax is taken twice, which leaves probabilities nearly "
        "equal. Remove the activation of dense_1.",
    ),
    "softmax twice in torch": (
        "train-softmax-twice",
        "2 (Softmax): the network ends with a softmax, and sparse_categorical_crossentropy "
        "takes one again. Leave it out: a network in st.Model gives logits, and predict takes"
        " the softmax.",
    ),
    "one-hot labels for the sparse loss": (
        "train-labels-one-hot",
        "y: sparse_categorical_crossentropy takes class numbers [6], got rows [6, 3]; each "
        'row counts as its largest column. Use loss="categorical_crossentropy", or '
        "y.argmax(axis=1).",
    ),
    "relu at the end": (
        "train-last-relu",
        "dense_1: the last layer ends with relu, so no logit can be negative and units that "
        'reach 0 stop learning. Use activation="softmax" (or "sigmoid" for several labels) '
        "there.",
    ),
}


@pytest.mark.parametrize("mistake", ERRORS)
def test_an_error_says_who_and_how_to_mend_it(mistake):
    with pytest.raises(StriateError) as caught:
        ERRORS[mistake]()
    assert (caught.value.code, str(caught.value)) == WORDS[mistake]


@pytest.mark.parametrize("mistake", WARNINGS)
def test_a_warning_says_who_and_how_to_mend_it(mistake):
    with pytest.warns(StriateWarning) as caught:
        WARNINGS[mistake]()
    assert (caught[0].message.code, str(caught[0].message)) == WORDS[mistake]
    assert caught[0].filename == __file__  # not a line of ours
    assert len(caught) == 1


def test_an_error_of_the_network_itself_stays_what_it_is():
    class Own(torch.nn.Flatten):
        def forward(self, images):
            raise RuntimeError("a mistake in my own code")

    with pytest.raises(RuntimeError, match="a mistake in my own code"):
        fit(st.Model(Own()))


def test_what_is_right_is_left_alone():
    fit()
    fit(y=np.eye(3)[labels()], loss="categorical_crossentropy")
    fit(x=images() * 16)  # scikit-learn's digits
    normalised = [layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)]
    fit(st.Sequential([layers.Input((8, 8, 1)), *normalised]), x=images() * 255)
    yes_or_no = head(layers.Dense(1, activation="sigmoid"))
    fit(yes_or_no, y=labels(classes=2), loss="binary_crossentropy")


def test_pixels_in_rows_are_pixels_too():
    model = st.Sequential([layers.Input((64,)), layers.Dense(3)])
    with pytest.warns(StriateWarning, match="values reach 25"):
        fit(model, x=images().reshape(6, 64) * 255)

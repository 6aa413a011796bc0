import numpy as np
import pytest
import torch
import torch.nn.functional as F

from striate import zoo
from striate.byhand import Dense, Network, accuracy, batches, digits, enlarge, lenet5, train
from striate.errors import ShapeError, TrainingError, UsageError

BATCH, RATE = 32, 0.1


def torch_twin(network, classes=10, channels=1, image_size=32):
    """The zoo's LeNet-5 in float64 with the weights of ours."""
    twin = zoo.create("lenet5", classes=classes, channels=channels, image_size=image_size).double()
    for weight, value in zip(twin.parameters(), weights_of(network), strict=True):
        weight.data = torch.tensor(value)
    return twin


def weights_of(network):
    layers = [layer for layer in network.layers if hasattr(layer, "weights")]
    return [value for layer in layers for value in (layer.weights, layer.bias)]


def train_twin(twin, images, labels, epochs, seed):
    """Plain gradient descent as anybody writes it in torch."""
    optimizer = torch.optim.SGD(twin.parameters(), lr=RATE)
    pixels, truth = torch.from_numpy(images), torch.from_numpy(labels)
    for epoch in range(1, epochs + 1):
        for rows in batches(len(images), BATCH, seed, epoch):
            optimizer.zero_grad()
            F.cross_entropy(twin(pixels[rows]), truth[rows]).backward()
            optimizer.step()


def twin_accuracy(twin, images, labels):
    with torch.no_grad():
        return (twin(torch.from_numpy(images)).argmax(1).numpy() == labels).mean()


def check_alike(network, twin):
    for ours, theirs in zip(weights_of(network), twin.parameters(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach(), rtol=0, atol=1e-9)


def test_steps_of_lenet5_leave_the_weights_of_the_torch_path():
    images, labels = digits()
    images, labels = images[:160], labels[:160]
    network = lenet5(seed=3)
    before = [value.copy() for value in weights_of(network)]
    twin = torch_twin(network)
    history = train(network, images, labels, epochs=2, batch_size=BATCH, learning_rate=RATE, seed=5)
    train_twin(twin, images, labels, epochs=2, seed=5)
    check_alike(network, twin)
    assert all((one != other).any() for one, other in zip(before, weights_of(network), strict=True))
    assert accuracy(network, images, labels) == twin_accuracy(twin, images, labels)
    assert [epoch.number for epoch in history] == [1, 2]


@pytest.mark.slow
def test_lenet5_learns_the_digits_as_well_as_the_torch_path():
    images, labels = digits()
    train_rows, test_rows = np.arange(1437), np.arange(1437, 1797)  # the last fifth: other writers
    network = lenet5(seed=0)
    twin = torch_twin(network)
    test = (images[test_rows], labels[test_rows])
    history = train(network, images[train_rows], labels[train_rows], epochs=10, validation=test)
    train_twin(twin, images[train_rows], labels[train_rows], epochs=10, seed=0)
    np.testing.assert_allclose(weights_of(network)[0], next(twin.parameters()).detach(), atol=1e-6)
    assert history[-1].accuracy == twin_accuracy(twin, *test)
    assert history[-1].accuracy > 0.9
    assert history[-1].loss < history[0].loss / 10


@pytest.mark.parametrize("size", [16, 20, 28, 32])
def test_lenet5_is_the_zoos_at_every_size(size):
    network = lenet5(image_size=size, classes=7, channels=2, seed=1)
    twin = torch_twin(network, classes=7, channels=2, image_size=size)
    images = np.random.default_rng(0).normal(size=(3, 2, size, size))
    with torch.no_grad():
        theirs = twin(torch.from_numpy(images))
    np.testing.assert_allclose(network.forward(images), theirs, rtol=1e-10, atol=1e-12)


def test_lenet5_has_the_published_shapes_and_weights():
    network = lenet5()
    assert sum(value.size for value in weights_of(network)) == 61_706
    shapes = [value.shape[1:] for value in network.remember(np.zeros((1, 1, 32, 32)))]
    assert [shapes[i] for i in (1, 3, 4, 6, 7)] == [
        (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,),
    ]  # fmt: skip
    assert [shapes[i] for i in (8, 10, 12)] == [(120,), (84,), (10,)]


def test_its_weights_follow_from_the_seed():
    first, again, other = (weights_of(lenet5(16, seed=seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert all((a != b).any() for a, b in zip(first, other, strict=True))
    reach = 1 / 5
    assert np.abs(first[0]).max() < reach
    assert first[0].std() == pytest.approx(reach / np.sqrt(3), rel=0.1)


def test_too_small_images_are_answered_with_a_way_out():
    with pytest.raises(ShapeError, match=r"at least 16×16 pixels, got 8×8\. Enlarge") as error:
        lenet5(8)
    assert error.value.code == "shape-image-too-small"


def test_batches_hold_every_image_once_in_an_order_of_seed_and_epoch():
    once = list(batches(10, 4, seed=0, epoch=1))
    assert [len(rows) for rows in once] == [4, 4, 2]
    assert sorted(np.concatenate(once)) == list(range(10))
    assert [list(rows) for rows in batches(10, 4, 0, 1)] == [list(rows) for rows in once]
    for other in (batches(10, 4, 1, 1), batches(10, 4, 0, 2)):
        assert np.concatenate(list(other)).tolist() != np.concatenate(once).tolist()


def tiny():
    return Network([Dense(np.zeros((2, 3)), np.zeros(2))])


def test_one_step_by_pencil():
    """p = 1/2 each, so the right class's weights move by rate * x / 2 towards the image."""
    network = tiny()
    (epoch,) = train(network, [[1, 2, 4]], [1], epochs=1, learning_rate=0.5)
    assert epoch.loss == pytest.approx(np.log(2))
    assert epoch.accuracy is None
    assert network.layers[0].weights.tolist() == [[-0.25, -0.5, -1], [0.25, 0.5, 1]]
    assert network.layers[0].bias.tolist() == [-0.25, 0.25]


def test_epochs_are_told_as_they_end():
    told, truth = [], [0, 1, 1]
    judged = (np.eye(3), truth)
    history = train(tiny(), *judged, epochs=3, validation=judged, on_epoch=told.append)
    assert told == history
    assert [epoch.accuracy for epoch in history][-1] == 1


def test_a_loss_that_is_no_number_stops_before_the_update():
    network = tiny()
    with pytest.raises(TrainingError, match=r"weights stay as they were.*lower than 0\.1") as error:
        train(network, [[np.nan, 0, 0]], [0])
    assert error.value.code == "train-non-finite"
    assert not network.layers[0].weights.any()


@pytest.mark.parametrize("option", ["epochs", "batch_size", "learning_rate"])
def test_options_must_be_positive(option):
    with pytest.raises(UsageError, match=f"{option} must be positive, got 0") as error:
        train(tiny(), np.eye(3), [0, 1, 1], **{option: 0})
    assert error.value.code == "usage-byhand-setting"


@pytest.mark.parametrize(("images", "labels"), [(np.eye(3), [0, 1]), (np.zeros((0, 3)), [])])
def test_every_image_needs_a_label(images, labels):
    with pytest.raises(ShapeError, match="one label per image") as error:
        train(tiny(), images, labels)
    assert error.value.code == "shape-byhand-targets"


def test_the_digits_are_enlarged_by_repeating_pixels():
    images, labels = digits()
    assert images.shape == (1797, 1, 32, 32)
    assert (images.min(), images.max(), labels.shape) == (0, 1, (1797,))
    assert (images[:, :, ::4, ::4] == images[:, :, 3::4, 3::4]).all()
    assert enlarge(np.ones((2, 8, 8)), 3).shape == (2, 1, 24, 24)

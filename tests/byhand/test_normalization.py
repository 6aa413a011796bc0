import numpy as np
import torch.nn.functional as F
from hypothesis import strategies as st

from byhand.peers import agree, autograd, draw_numbers, given, seeds
from striate.byhand import batch_norm, batch_norm_backward, batch_norm_inference, batch_statistics

shapes = st.tuples(st.integers(2, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))


@given(shapes, st.integers(2, 4), seeds)
def test_values_and_gradients_are_autograds(sizes, axes, seed):
    shape = sizes[:axes]
    x, gamma, beta, arrived = draw_numbers(seed, shape, shape[1], shape[1], shape)
    y, dx, dgamma, dbeta = autograd(
        lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=0.1),
        arrived,
        *(x, gamma, beta),
    )
    agree(batch_norm(x, gamma, beta, epsilon=0.1), y)
    ours = batch_norm_backward(arrived, x, gamma, epsilon=0.1)
    agree(ours.x, dx)
    agree(ours.gamma, dgamma)
    agree(ours.beta, dbeta)


@given(shapes, seeds)
def test_what_comes_out_has_mean_beta_and_deviation_gamma(shape, seed):
    x, _ = draw_numbers(seed, shape, 1)
    mean, variance = batch_statistics(
        batch_norm(x * 7 + 3, np.full(shape[1], 2.0), [5.0] * shape[1])
    )
    agree(mean, [5.0] * shape[1])
    spread = batch_statistics(x * 7 + 3)[1]
    agree(variance, 4 * spread / (spread + 1e-5))


def test_inference_takes_given_statistics():
    x, mean, gamma, beta = draw_numbers(0, (3, 2, 4), 2, 2, 2)
    variance = np.array([0.5, 2.0])
    y, _ = autograd(
        lambda t: F.batch_norm(t, *map(t.new_tensor, (mean, variance, gamma, beta))), 1.0, x
    )
    agree(batch_norm_inference(x, gamma, beta, mean, variance), y)


def test_a_constant_batch_gives_beta_and_no_gradient_to_the_input():
    x = np.full((4, 1, 2), 3.0)
    agree(batch_norm(x, [2.0], [7.0]), np.full_like(x, 7))
    ours = batch_norm_backward(np.ones_like(x), x, [2.0])
    agree(ours.x, np.zeros_like(x))
    agree(ours.beta, [8])

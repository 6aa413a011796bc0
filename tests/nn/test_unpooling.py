"""Unpooling: values go back where the maxima were."""

import pytest
import torch

from striate.nn import Unpooling


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (1, 2)])
def test_the_shortcut_goes_where_the_maxima_were_and_nowhere_else(size):
    torch.manual_seed(0)
    block = Unpooling(5, 4, drop=0.5, eps=1e-3).eval()
    pooled = torch.randn(2, 4, *size)
    low = -(-size[0] // 2), -(-size[1] // 2)
    x = torch.randn(2, 5, *low)
    block.widen.norm.weight.data.zero_()  # the branch gives nothing
    expected = torch.zeros_like(pooled)
    values = block.shortcut(x)
    for n, c, i, j in torch.cartesian_prod(*map(torch.arange, (2, 4, *low))).tolist():
        window = pooled[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        row, column = divmod(window.argmax().item(), window.shape[1])
        expected[n, c, 2 * i + row, 2 * j + column] = values[n, c, i, j]
    expected = torch.where(expected < 0, 0.25 * expected, expected)  # prelu
    torch.testing.assert_close(block(x, pooled), expected)


def test_the_branch_doubles_the_size():
    torch.manual_seed(0)
    block = Unpooling(5, 8, drop=0.5, eps=1e-3).eval()
    block.shortcut.norm.weight.data.zero_()  # the shortcut gives nothing
    x, pooled = torch.randn(1, 5, 3, 4), torch.randn(1, 8, 6, 8)
    enlarged = block.enlarge(block.narrow(x), output_size=(6, 8))
    expected = block.act(block.widen(block.norm(enlarged)))
    torch.testing.assert_close(block(x, pooled), expected)
    assert block.narrow.conv.out_channels == 2

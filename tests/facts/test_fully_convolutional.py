"""A 224-pixel classifier reads a 384-pixel image as a 6×6 grid of scores at stride 32."""

import torch
from torch import nn

import striate as st


def pools() -> list[nn.Module]:
    return [nn.MaxPool2d(2) for _ in range(5)]


@torch.no_grad()
def test_a_224_classifier_reads_384_pixels_as_6x6_at_stride_32():
    torch.manual_seed(0)
    small = nn.Sequential(nn.Conv2d(3, 8, 1), *pools(), nn.Flatten(), nn.Linear(7 * 7 * 8, 10))
    wide = st.convolutionalise(small, (224, 224, 3))
    image = torch.randn(1, 3, 384, 384)
    maps = wide.maps(image)
    assert maps.shape == (1, 10, 6, 6)
    assert wide.head[0].kernel_size == (7, 7)
    for row in range(6):
        for column in range(6):
            part = image[:, :, 32 * row : 32 * row + 224, 32 * column : 32 * column + 224]
            torch.testing.assert_close(maps[:, :, row, column], small(part), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(wide(image), maps.mean(dim=(2, 3)))


@torch.no_grad()
def test_7x7x512_with_4096_units_becomes_a_convolution_of_f_7_and_k_4096():
    with torch.device("meta"):
        head = nn.Sequential(nn.Conv2d(3, 512, 1), *pools(), nn.Flatten(), nn.Linear(25_088, 4096))
        convolution = st.convolutionalise(head, (224, 224, 3)).head[0]
    assert convolution.weight.shape == (4096, 512, 7, 7)
    assert (convolution.stride, convolution.padding) == ((1, 1), (0, 0))

"""Changes of colour, batched: float32 images [N, C, H, W] on the 0..255 scale."""

import math

import numpy as np
import torch
from torch import Tensor

from striate.data.draws import Draws

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's "L"


def per_image(values: np.ndarray, like: Tensor) -> Tensor:
    """One number per image, to multiply with: [N] -> float32 [N, 1, 1, 1]."""
    return torch.from_numpy(values.astype(np.float32)).to(like.device).view(-1, 1, 1, 1)


def luminance(images: Tensor) -> Tensor:
    """Brightness as the eye sees it, the mean unless RGB: [N, C, H, W] -> [N, 1, H, W]."""
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    red, green, blue = images.unbind(1)
    return (LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue).unsqueeze(1)


def color_jitter(images: Tensor, strength: float, draws: Draws) -> Tensor:
    """Vary brightness, contrast, saturation and hue at random.

        y = hue_rotation @ saturation @ (contrast * brightness * x) + (1 - contrast) * mean

    Factors are uniform in 1 ± strength, the hue turns by up to ± strength / 4 of the circle; other
    than three channels vary in brightness and contrast alone.

    Source: Chen et al. 2020, arXiv:2002.05709, appendix A (strengths); Karras et al. 2020,
        arXiv:2006.06676, appendix B (all of it as one matrix).
    Differs: one order always, one clamp at the end; hue turns about the grey axis of RGB.
    """
    spread = (max(0.0, 1 - strength), 1 + strength)
    brightness = draws.uniform("color.brightness", *spread)
    contrast = draws.uniform("color.contrast", *spread)
    mean = luminance(images.mean(dim=(2, 3), keepdim=True))  # [N, 1, 1, 1]
    offset = mean * per_image((1 - contrast) * brightness, images)
    gain = contrast * brightness
    if images.shape[1] != 3:
        return (images * per_image(gain, images) + offset).clamp_(0, 255)
    saturation = draws.uniform("color.saturation", *spread)
    turn = draws.uniform("color.hue", -strength / 4, strength / 4) * 2 * math.pi
    matrix = gain[:, None, None] * hue_matrix(turn) @ saturation_matrix(saturation)
    mixing = torch.from_numpy(matrix.astype(np.float32)).to(images.device)
    return (torch.einsum("nck,nkhw->nchw", mixing, images) + offset).clamp_(0, 255)


def saturation_matrix(factor: np.ndarray) -> np.ndarray:
    """Between luminance (factor 0) and the colours themselves (1): [N] -> [N, 3, 3]."""
    grey = np.broadcast_to(np.array(LUMINANCE), (3, 3))
    amount = factor[:, None, None]
    return amount * np.eye(3) + (1 - amount) * grey


def hue_matrix(angle: np.ndarray) -> np.ndarray:
    """Rotation about the grey axis (1, 1, 1), radians: [N] -> [N, 3, 3]; greys stay."""
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return cosine * np.eye(3) + (1 - cosine) / 3 + sine * cross

"""Networks that tell what every pixel shows."""

from torch import Tensor

from striate.nn.headed import HeadedNetwork


class Segmenter(HeadedNetwork):
    """A network that answers for every pixel.

    The head may give a last row or column more than an image of odd size has; it is cut off.

    Shape: images [N, C, H, W] -> features, a tuple of maps [N, K, h, w] from shallow to deep
        -> outputs [N, classes, H, W].
    """

    def forward(self, images: Tensor) -> Tensor:
        self.check_size(images)
        height, width = images.shape[-2:]
        outputs: Tensor = self.head(self.features(images))
        return outputs[..., :height, :width]

"""Networks that tell what an image shows."""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

from striate.nn.dropout import Dropout
from striate.nn.headed import HeadedNetwork
from striate.nn.on_the_way import maps_on_the_way


class Classifier(HeadedNetwork):
    """A network that answers once for the whole image.

    Shape: images [N, C, H, W] -> features [N, K, h, w] -> outputs [N, classes].
    """


class AuxiliaryClassifier(Classifier):
    """A classifier with further heads on the way, which help the lower layers while training.

    In training it gives a tuple: the outputs, then those of every auxiliary head. In evaluation
    the auxiliary heads are off; a head that is in eval mode by itself gives nothing.

    Args:
        auxiliary: heads by the name of the child of `features` whose output they read.
    Source: Szegedy et al. 2015, "Going Deeper with Convolutions", arXiv:1409.4842, section 5.
    """

    def __init__(
        self, features: nn.Sequential, head: nn.Module, auxiliary: Mapping[str, nn.Module]
    ) -> None:
        super().__init__(features, head)
        self.features: nn.Sequential = features
        self.auxiliary = nn.ModuleDict(auxiliary)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        self.check_size(images)
        if not self.training:
            return self.head(self.features(images))
        maps, aside = images, []
        for name, maps in maps_on_the_way(self.features, images):
            if name in self.auxiliary and self.auxiliary[name].training:
                aside.append(self.auxiliary[name](maps))
        return self.head(maps), *aside


def pooled_linear(channels: int, classes: int, drop: float = 0.0) -> nn.Sequential:
    """Global average pool, dropout and one linear layer.

    Shape: [N, channels, h, w] -> [N, classes].
    Args:
        drop: fraction 0..1 of the pooled values that dropout sets to zero while training.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        drop=Dropout(drop),
        linear=nn.Linear(channels, classes),
    )
    return nn.Sequential(parts)

"""What a score becomes when the images are changed, for many changes, a batch at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

from striate.errors import ShapeError
from striate.explain._engine import engine
from striate.explain._frozen import frozen
from striate.explain._gradient import check_batch_size
from striate.explain._hooks import evaluating, uncompiled
from striate.explain._score import Score, per_image

SLABS = 8  # copies of its images in one batch, where there are more images than it holds


class Asked:
    """A frozen network that is asked about images and changed copies of them.

    A score may look at all images at once (`class_score([5, 1, …])`), so the answers to copies of
    some images are put among the answers to the others before it is asked.

    Args:
        network: frozen; run under the caller's gradient mode.
        images: [N, C, H, W], a private copy.
        scores: of the images as they are, [N].
        slabs: images that are taken together.
        copies: of a slab, in one batch.
    """

    def __init__(self, network: nn.Module, images: Tensor, score: Score, batch_size: int) -> None:
        self.network, self.images, self.score = network, images, score
        wide = images.is_contiguous(memory_format=torch.channels_last)
        self.memory_format = torch.channels_last if wide else torch.contiguous_format
        many = len(images)
        together = min(many, max(1, batch_size // SLABS)) if many > batch_size // SLABS else many
        self.slabs = [slice(i, min(i + together, many)) for i in range(0, many, together)]
        parts = [network(images[slab].clone()) for slab in self.slabs]
        self.joinable = all(
            isinstance(part, Tensor) and len(part) == slab.stop - slab.start
            for part, slab in zip(parts, self.slabs, strict=True)
        )
        if not self.joinable:  # such as boxes by name: a score gets all of them or none
            self.slabs = [slice(0, many)]
        self.output = torch.cat(parts) if self.joinable else network(images.clone())
        self.copies = max(1, batch_size // together) if self.joinable else 1
        self.scores = per_image(score, self.output, many)

    def scores_of(self, output: Tensor, slab: slice) -> Tensor:
        """The scores of k changed copies of a slab's images: [k * n, …] -> [k, n]."""
        if not self.joinable:
            return per_image(self.score, output, len(self.images))[None]
        found = []
        for answers in torch.split(output, slab.stop - slab.start):
            if len(self.slabs) > 1:
                among = self.output.clone()
                among[slab] = answers
                answers = among
            found.append(per_image(self.score, answers, len(self.images))[slab])
        return torch.stack(found)

    def masked(
        self, keep: Callable[[slice, slice], Tensor], count: int, replacement: Tensor
    ) -> Iterator[tuple[slice, slice, Tensor]]:
        """Scores of images of which only a share is kept: keep · image + (1 − keep) · replacement.

        Args:
            keep: (which changes, which images) -> shares 0..1, [k, n or 1, H, W].
            count: of changes.
            replacement: [N, C, H, W].
        Yields:
            Which changes, which images, and their scores, [k, n].
        """
        for slab in self.slabs:
            images, instead = self.images[slab][None], replacement[slab][None]
            for first in range(0, count, self.copies):
                which = slice(first, min(first + self.copies, count))
                share = keep(which, slab)[:, :, None].to(images.dtype)  # [k, n, 1, H, W]
                batch = (share * images + (1 - share) * instead).flatten(0, 1)
                batch = batch.contiguous(memory_format=self.memory_format)
                yield which, slab, self.scores_of(self.network(batch), slab)

    def masked_scores(
        self, keep: Callable[[slice, slice], Tensor], count: int, replacement: Tensor
    ) -> Tensor:
        """All of `masked` in one tensor, [count, N]."""
        found = self.scores.new_empty((count, len(self.images)))
        for which, slab, scores in self.masked(keep, count, replacement):
            found[which, slab] = scores
        return found


@contextmanager
def asking(
    network: nn.Module,
    images: Tensor,
    score: Score,
    batch_size: int,
    *,
    gradients: bool = False,
    passes: int = 0,
) -> Iterator[Asked]:
    """Ask a network about images; it and they stay as they are.

    Args:
        gradients: whether the caller will turn them on; here they are off.
        passes: changed images to ask about, at most, if the caller does no more than run it.
            Where they are many, an `_engine` is asked, which has no modules to look at.
    Raises:
        ShapeError: images are not [N, C, H, W] of floating-point numbers.
        UsageError: `batch_size` is below 1.
    """
    if images.ndim != 4 or not images.is_floating_point() or not len(images):
        raise ShapeError(
            "explain-images",
            f"Images must be floating-point [N, C, H, W] with N >= 1, got {images.dtype} "
            f"{list(images.shape)}.",
            "Pass the tensor that the network is given.",
        )
    check_batch_size(batch_size)
    with torch.inference_mode(False), torch.no_grad():
        own = images.detach().clone(memory_format=_readable(network, images))
        with frozen(network, own, gradients=gradients) as fast:
            faster = None if gradients else engine(fast, own, passes)
            if faster:
                yield Asked(faster, own.contiguous(), score, batch_size)
            else:
                yield Asked(fast, own, score, batch_size)


def _readable(network: nn.Module, images: Tensor) -> torch.memory_format:
    """Channels last, unless the network views its maps as vectors, which it cannot do so."""
    with evaluating(uncompiled(network)), suppress(RuntimeError):
        uncompiled(network)(images[:1].detach().clone(memory_format=torch.channels_last))
        return torch.channels_last
    return torch.contiguous_format

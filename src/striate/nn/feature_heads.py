"""Answers from features by what scikit-learn fitted: one linear layer, or votes of neighbours."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from striate.errors import ShapeError, UsageError
from striate.nn.headed import HeadedNetwork

Metric = Literal["cosine", "euclidean"]
NO_VOTE = 1e-6  # what the share of a class without a vote counts as, so that its logit is finite
_TIED = 1e-12  # distances that differ by less, of the largest possible, are the same
_NO_LENGTH = 2.2e-15  # vectors that are shorter are zero, as in scikit-learn's `normalize`
_LARGEST = 2**28  # of a count in a file; larger ones are nonsense and overflow


class LinearHead(nn.Module):
    """One linear layer over features, averaged over their map where they are one.

        logits = weight @ mean_hw(features) + bias

    Shape: [N, K] or [N, K, h, w] -> [N, classes].
    Args:
        weight, bias: [classes, K] and [classes]; a standardisation of the features is folded in.
    Raises:
        ShapeError: they do not fit each other.

    >>> LinearHead(torch.eye(2), torch.zeros(2))(torch.ones(1, 2, 3, 3)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ShapeError(
                "shape-feature-head",
                f"LinearHead: weight must be [classes, K] and bias [classes], "
                f"got {[*weight.shape]} and {[*bias.shape]}.",
            )
        self.classes, self.channels = weight.shape
        self.linear = nn.Linear(self.channels, self.classes, device="meta")
        self.linear.weight = nn.Parameter(weight.detach().float())
        self.linear.bias = nn.Parameter(bias.detach().float())

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(feature_rows(features))

    def to_json(self) -> dict[str, Any]:
        """All but the tensors; `head_from_json` makes such a head of it."""
        return {"kind": "linear", "channels": self.channels, "classes": self.classes}


class NearestHead(nn.Module):
    """The classes of the nearest stored features, each neighbour with one vote.

        logit_c = log max(votes for c / neighbours, 1e-6)

    The largest logit, or the first of equal ones, is the class with the most votes, or the first
    of equal ones. Of images equally far away at the edge of the neighbourhood, the ones stored
    first vote. Votes have no gradient. Distances are computed in float64.

    Shape: [N, K] or [N, K, h, w] -> [N, classes]; a map is averaged.
    Args:
        stored: features of the training images, [n, K].
        labels: their classes, [n], int64 from 0.
        neighbours: how many vote, 1..n.
        mean, scale: [K]; features are standardised, (x - mean) / scale, before all else.
    Raises:
        ShapeError: shapes, neighbours or metric break their rule.
    Source: Cover, Hart 1967, "Nearest neighbor pattern classification", IEEE Trans. Inf. Theory 13.

    >>> head = NearestHead(torch.eye(2), torch.tensor([1, 0]), classes=3, neighbours=1)
    >>> head(torch.tensor([[0.9, 0.1]])).argmax().item()
    1
    """

    stored: Tensor
    labels: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        stored: Tensor,
        labels: Tensor,
        *,
        classes: int,
        neighbours: int = 5,
        metric: Metric = "cosine",
        mean: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        if stored.ndim != 2 or labels.shape != stored.shape[:1]:
            raise ShapeError(
                "shape-feature-head",
                f"NearestHead: stored must be [n, K] and labels [n], "
                f"got {[*stored.shape]} and {[*labels.shape]}.",
            )
        if not 1 <= neighbours <= len(stored) or metric not in get_args(Metric):
            raise ShapeError(
                "shape-feature-head",
                f"NearestHead: neighbours must be 1..{len(stored)} and metric cosine or "
                f"euclidean, got {neighbours} and {metric!r}.",
            )
        self.classes, self.channels = classes, stored.shape[1]
        self.neighbours, self.metric = neighbours, metric
        channels = torch.Size([self.channels])
        mean = torch.zeros(channels) if mean is None else mean
        scale = torch.ones(channels) if scale is None else scale
        if mean.shape != channels or scale.shape != channels:
            raise ShapeError(
                "shape-feature-head",
                f"NearestHead: mean and scale must be [{self.channels}], "
                f"got {[*mean.shape]} and {[*scale.shape]}.",
            )
        self.register_buffer("stored", stored.detach().float())
        self.register_buffer("labels", labels.detach().long())
        self.register_buffer("mean", mean.detach().double())
        self.register_buffer("scale", scale.detach().double())

    def forward(self, features: Tensor) -> Tensor:
        rows, stored = self._prepared(feature_rows(features)), self._prepared(self.stored)
        distances = 1 - rows @ stored.T  # [N, n]
        sizes = torch.ones_like(distances)
        if self.metric == "euclidean":
            sizes = rows.square().sum(dim=1, keepdim=True) + stored.square().sum(dim=1)
            distances = sizes - 2 * rows @ stored.T  # squared
        allowed = _TIED * sizes.amax(dim=1, keepdim=True)
        edge = distances.topk(self.neighbours, dim=1, largest=False, sorted=True).values[:, -1:]
        nearer = distances < edge - allowed
        tied = ~nearer & (distances <= edge + allowed)
        open_places = self.neighbours - nearer.sum(dim=1, keepdim=True)
        voting = nearer | (tied & (tied.long().cumsum(dim=1) <= open_places))
        of_class = self.labels[:, None] == torch.arange(self.classes, device=self.labels.device)
        votes = voting.float() @ of_class.float()  # [N, classes]
        return (votes / self.neighbours).clamp(min=NO_VOTE).log()

    def _prepared(self, rows: Tensor) -> Tensor:
        """Standardised, and of length one where angles are compared; float64."""
        rows = (rows.double() - self.mean) / self.scale
        if self.metric == "euclidean":
            return rows
        lengths = rows.square().sum(dim=1, keepdim=True).sqrt()
        return rows / torch.where(lengths < _NO_LENGTH, torch.ones_like(lengths), lengths)

    def to_json(self) -> dict[str, Any]:
        """All but the tensors; `head_from_json` makes such a head of it."""
        return {
            "kind": "nearest",
            "channels": self.channels,
            "classes": self.classes,
            "images": len(self.stored),
            "neighbours": self.neighbours,
            "metric": self.metric,
        }


FeatureHead = LinearHead | NearestHead


def feature_rows(features: Tensor) -> Tensor:
    """What a feature head looks at: [N, K] as it is, [N, K, h, w] averaged over the map.

    Raises:
        ShapeError: it is neither.
    """
    if features.ndim == 4:
        return features.mean(dim=(2, 3))
    if features.ndim != 2:
        raise ShapeError(
            "shape-feature-head",
            f"A feature head takes [N, K] or [N, K, h, w], got {[*features.shape]}.",
        )
    return features


def put_head(network: HeadedNetwork, head: FeatureHead) -> None:
    """Let a network answer by another head: its last layer with weights, and all after it, goes.

    The new one is `head.answer` of the network; dropout before it goes too, as it is not trained.

    Raises:
        UsageError: the head of the network is no chain, or has no layer with weights.
        ShapeError: the head gives another number of classes than the network is made for.
    """
    made_for = (network.made_by or {}).get("classes", head.classes)
    if made_for != head.classes:
        raise ShapeError(
            "shape-feature-head",
            f"{network.name} is made for {made_for} classes, the head for {head.classes}.",
            f"zoo.create(…, classes={head.classes})",
        )
    parts = list(network.head.named_children())
    while parts and not parts[-1][1].state_dict():
        parts.pop()
    if not isinstance(network.head, nn.Sequential) or not parts:
        raise UsageError(
            "head-no-answer",
            f"{network.name} does not answer by one last layer that could be replaced.",
            "Feature heads (logistic, svm, knn) are for classifiers of the zoo; train the linear "
            "head instead: --head linear.",
        )
    parts.pop()
    while parts and isinstance(parts[-1][1], nn.Dropout):
        parts.pop()
    network.head = nn.Sequential(OrderedDict([*parts, ("answer", head)]))


def head_of(network: nn.Module) -> FeatureHead | None:
    """The feature head that `put_head` gave a network; None where it has its own."""
    answer = getattr(getattr(network, "head", None), "answer", None)
    return answer if isinstance(answer, LinearHead | NearestHead) else None


def head_from_json(described: Mapping[str, Any]) -> FeatureHead:
    """A head as `to_json` describes it, its tensors without values.

    Raises:
        ValueError: it describes no such head.
    """
    counts: tuple[str, ...] = ("channels", "classes")
    nearest = isinstance(described, Mapping) and described.get("kind") == "nearest"
    if nearest:
        counts = (*counts, "images", "neighbours")
    known = {"kind", "metric", *counts} if nearest else {"kind", *counts}
    if not isinstance(described, Mapping) or set(described) != known:
        raise ValueError(f"head {described!r}")
    if described["kind"] not in ("linear", "nearest"):
        raise ValueError(f"head of kind {described['kind']!r}")
    for name in counts:
        if type(described[name]) is not int or not 0 < described[name] < _LARGEST:
            raise ValueError(f"head with {name} {described[name]!r}")
    channels, classes = described["channels"], described["classes"]
    if not nearest:
        return LinearHead(torch.empty(classes, channels), torch.empty(classes))
    return NearestHead(
        torch.empty(described["images"], channels),
        torch.empty(described["images"], dtype=torch.long),
        classes=classes,
        neighbours=described["neighbours"],
        metric=described["metric"],
    )

"""Weights against class imbalance, computed from how often each class occurs."""

import numpy as np
import torch
from torch import Tensor

LIMIT = 20.0  # no class counts more than this many times another


def balanced_weights(counts: np.ndarray) -> Tensor:
    """One weight per class, inverse to its count, with mean 1 over all images.

        w_k = n / (K * n_k), bounded to a ratio of 20, then scaled

    Classes that do not occur weigh nothing.

    Shape: counts [K] -> float32 [K].
    Source: King and Zeng 2001, "Logistic Regression in Rare Events Data", section 4.2.

    >>> balanced_weights(np.array([30, 10])).tolist()
    [0.6666666865348816, 2.0]
    """
    counts = np.asarray(counts, dtype=np.float64)
    occurs = counts > 0
    weights = np.zeros_like(counts)
    weights[occurs] = 1 / counts[occurs]
    if occurs.any():
        weights[occurs] = np.minimum(weights[occurs], LIMIT * weights[occurs].min())
        weights *= counts.sum() / (weights * counts).sum()
    return torch.tensor(weights, dtype=torch.float32)


def positive_weights(targets: np.ndarray) -> Tensor:
    """Multi-label: how many absent labels there are for each present one, within 1/20..20.

    Shape: targets [N, K] of 0 and 1 -> float32 [K].
    """
    present = np.asarray(targets, dtype=np.float64).sum(axis=0)
    ratio = (len(targets) - present) / np.maximum(present, 1)
    return torch.tensor(np.clip(ratio, 1 / LIMIT, LIMIT), dtype=torch.float32)


def sampling_weights(labels: np.ndarray) -> np.ndarray:
    """How often to draw each image so that all classes come equally often, within a ratio of 20.

    Shape: labels int64 [N] -> float64 [N], mean 1.
    """
    counts = np.bincount(labels)
    return balanced_weights(counts).double().numpy()[labels]

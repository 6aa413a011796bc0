"""Images that are the same, or nearly."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from striate.data.facts import Facts

# Chosen on 650 photographs and 12,000 images of CIFAR-10: copies recompressed, resized, stretched
# or brightened by 15 % are found to 99 %, cropped by 1 % on each side to 98 %; the only pairs
# found among the originals were real ones.
MOST_BITS = 14  # of 64 that may differ between candidates
MOST_DIFFERENCE = 0.3  # of the thumbnails, relative to their contrast
MOST_SHIFT = 32.0  # grey levels between the thumbnails' means, per colour
ROWS, PAIRS = 64, 1024  # images, and pairs of thumbnails, compared at once


def same_content(hashes: Sequence[str]) -> list[list[int]]:
    """Groups of two or more records with one SHA-256; records without one are left out."""
    groups: dict[str, list[int]] = defaultdict(list)
    for record, sha256 in enumerate(hashes):
        if sha256:
            groups[sha256].append(record)
    return [group for group in groups.values() if len(group) > 1]


def near_groups(facts: Sequence[Facts], copies: Sequence[Sequence[int]]) -> np.ndarray:
    """Number of the group of (nearly) equal images that a record belongs to: int64 [n], -1 alone.

    Candidates have perceptual hashes that differ in at most `MOST_BITS`; a pair counts when the
    thumbnails agree too: nearly the same mean colour, and what is left differs by less than
    `MOST_DIFFERENCE` of the contrast. Mirrored and strongly cropped copies are not found.
    Groups close over chains. Every image is compared with every other, in NumPy: 20,000 images
    take two seconds.

    Args:
        copies: groups of equal content.
    """
    first_of = merged(np.arange(len(facts)), _chains(copies))
    records = np.array([i for i, fact in enumerate(facts) if fact.look is not None], dtype=np.int64)
    looks = np.array([facts[i].look for i in records], dtype=np.uint64)
    for start in range(0, len(looks), ROWS):
        differing = np.bitwise_count(looks[start : start + ROWS, None] ^ looks[None, start:])
        near = records[np.argwhere(differing <= MOST_BITS) + start]  # [pairs, 2]
        while len(near := near[first_of[near[:, 0]] != first_of[near[:, 1]]]):
            tried = np.unique(near[:, 1], return_index=True)[1]  # one pair each: most will join
            first_of = merged(first_of, near[tried][_alike(facts, near[tried])])
            near = np.delete(near, tried, axis=0)
    return numbered(first_of)


def joined(count: int, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Group numbers of records that overlapping groups chain together; -1 alone: int64 [count]."""
    return numbered(merged(np.arange(count), _chains(groups)))


def _chains(groups: Sequence[Sequence[int]]) -> np.ndarray:
    pairs = [(group[0], other) for group in groups for other in group[1:]]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def merged(first_of: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Join groups by pairs of records; a group is known by its first record.

    >>> merged(np.arange(4), np.array([[1, 3]])).tolist()
    [0, 1, 2, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return first_of
    count = len(first_of)
    one = np.concatenate([pairs[:, 0], np.arange(count)])
    other = np.concatenate([pairs[:, 1], first_of])
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    numbers = connected_components(graph, directed=False)[1]
    return np.unique(numbers, return_index=True)[1][numbers]


def numbered(first_of: np.ndarray) -> np.ndarray:
    """Groups of two or more as numbers from 0, single records as -1.

    >>> numbered(np.array([0, 1, 2, 1])).tolist()
    [-1, 0, -1, 0]
    """
    shared = np.bincount(first_of, minlength=len(first_of))[first_of] > 1
    numbers = np.full(len(first_of), -1, dtype=np.int64)
    numbers[shared] = np.unique(first_of[shared], return_inverse=True)[1]
    return numbers


def _alike(facts: Sequence[Facts], pairs: np.ndarray) -> np.ndarray:
    """Which pairs of records have thumbnails that agree: bool [pairs]."""
    agree = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), PAIRS):
        some = slice(start, start + PAIRS)
        one, other = (
            np.frombuffer(b"".join(facts[i].thumb for i in pairs[some, side]), dtype=np.uint8)
            .astype(np.float32)
            .reshape(-1, 256, 3)
            for side in (0, 1)
        )
        contrast = one - (one_mean := one.mean(axis=1, keepdims=True))
        rest = contrast - (other - (other_mean := other.mean(axis=1, keepdims=True)))
        shift = np.abs(one_mean - other_mean).max(axis=(1, 2))
        size = np.linalg.norm(contrast.reshape(len(one), -1), axis=1)
        relative = np.linalg.norm(rest.reshape(len(one), -1), axis=1) / np.maximum(size, 1)
        agree[some] = (shift <= MOST_SHIFT) & (relative <= MOST_DIFFERENCE)
    return agree

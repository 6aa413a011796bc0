"""Random numbers without a generator: each is a hash of what it is for.

A sample's numbers depend on (seed, epoch, record, repeat, purpose) alone. Batch size, the number
of workers and resuming in the middle of an epoch change none of them, and switching on one kind of
augmentation leaves the numbers of the others alone.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11 (the idea); Steele,
    Lea, Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA (`_mix`, splitmix64).
"""

import zlib
from dataclasses import dataclass

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of some samples in one epoch.

    Args:
        seed: of the run.
        epoch: counted from 0.
        records: record numbers of the samples, int64 [n].
        repeats: how often the record came before in this epoch, int64 [n]; None is 0 for all.

    >>> Draws(0, 3, np.array([5, 6])).uniform("flip").round(3)
    array([0.294, 0.27 ])
    >>> Draws(0, 3, np.array([6])).uniform("flip").round(3)
    array([0.27])
    """

    seed: int
    epoch: int
    records: np.ndarray
    repeats: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, rows: slice | np.ndarray) -> "Draws":
        repeats = None if self.repeats is None else self.repeats[rows]
        return Draws(self.seed, self.epoch, self.records[rows], repeats)

    def bits(self, purpose: str) -> np.ndarray:
        """64 random bits for each sample: uint64 [n]."""
        state = _mix(np.array([self.seed % 2**64], np.uint64))
        for value in (self.epoch, zlib.crc32(purpose.encode())):
            state = _absorb(state, np.array([value], np.uint64))
        state = _absorb(state, self.records.astype(np.uint64))
        repeats = np.zeros(1, np.uint64) if self.repeats is None else self.repeats
        return _absorb(state, repeats.astype(np.uint64))

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Evenly spread numbers, low <= x < high: float64 [n]."""
        return low + (high - low) * (self.bits(purpose) >> np.uint64(11)) * 2.0**-53

    def chance(self, purpose: str, probability: float = 0.5) -> np.ndarray:
        """True with the given probability: bool [n]."""
        return self.uniform(purpose) < probability

    def whole(self, purpose: str, low: int, high: int | np.ndarray) -> np.ndarray:
        """Whole numbers low <= k < high, evenly spread: int64 [n]."""
        return low + np.floor(self.uniform(purpose) * (np.asarray(high) - low)).astype(np.int64)


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """The numbers 0..count-1 in the random order of an epoch: int64 [count]."""
    return np.argsort(Draws(seed, epoch, np.arange(count)).bits("order"), kind="stable")


def weighted(weights: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """As many positions as there are weights, drawn with replacement in their proportion: int64."""
    edges = np.cumsum(weights, dtype=np.float64)
    points = Draws(seed, epoch, np.arange(len(weights))).uniform("sampler") * edges[-1]
    return np.searchsorted(edges, points, side="right")


def repeats_of(records: np.ndarray) -> np.ndarray:
    """How often each entry came before: `[7, 2, 7, 7] -> [0, 0, 1, 2]`."""
    order = np.argsort(records, kind="stable")
    ranked = records[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])[: len(records)]
    lengths = np.diff(np.r_[starts, len(records)])
    repeats = np.empty(len(records), np.int64)
    repeats[order] = np.arange(len(records)) - np.repeat(starts, lengths)
    return repeats


def _mix(state: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64: every input bit changes about half of the output bits."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _absorb(state: np.ndarray, value: np.ndarray) -> np.ndarray:
    return _mix(state ^ _mix(value + GOLDEN))

"""Background threads: in order, bounded, gone afterwards."""

import threading
import time

import pytest

from striate.data.crew import Crew


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "striate-data"]


@pytest.mark.parametrize("threads", [1, 3])
def test_results_keep_the_order(threads: int) -> None:
    def slow_when_even(number: int) -> int:
        time.sleep(0.002 if number % 2 == 0 else 0)
        return number * number

    with Crew(threads) as crew:
        results = list(crew.in_order(slow_when_even, range(30), window=4))
    assert results == [n * n for n in range(30)]


def test_no_more_than_the_window_is_begun_ahead() -> None:
    begun: list[int] = []
    with Crew(2) as crew:
        results = crew.in_order(lambda n: begun.append(n) or n, range(100), window=3)
        assert next(results) == 0
        time.sleep(0.05)
        assert len(begun) <= 4
        results.close()
    assert len(begun) <= 4


def test_what_was_not_begun_is_dropped() -> None:
    begun: list[int] = []

    def slow(number: int) -> int:
        begun.append(number)
        time.sleep(0.02)
        return number

    with Crew(1) as crew:
        results = crew.in_order(slow, range(50), window=20)
        assert next(results) == 0
        results.close()
        crew.submit(int).result(timeout=5)
    assert len(begun) <= 2


def test_an_error_surfaces_at_its_place() -> None:
    def fails_at_three(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with Crew(2) as crew:
        results = crew.in_order(fails_at_three, range(10), window=5)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="three"):
            next(results)


def test_threads_are_gone_after_the_block() -> None:
    def interrupted() -> None:
        with Crew(3) as crew:
            crew.submit(time.sleep, 0.01)
            assert len(ours()) == 3
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert ours() == []


def test_a_hanging_call_does_not_hold_the_block() -> None:
    release = threading.Event()
    start = time.monotonic()
    with Crew(1) as crew:
        crew.submit(release.wait)
        late = crew.submit(int)
        time.sleep(0.01)
    assert time.monotonic() - start < 2
    assert late.cancelled()
    release.set()

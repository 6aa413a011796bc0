"""What the page says of figures that are known."""

import doctest

import pytest
from benchmarks.race import Raced
from benchmarks.row import Contestant, Figure, Row

from benchmarks import results

MACHINE = {
    "processor": "a processor",
    "ceilings": {"product_gflops": 100.0, "convolution_gflops": 90.0, "memory_gbs": 10.0},
}
FIGURE = Figure("wall", "Time", target=0.5, limit=2.0, operations=40e9)
CONTESTANTS = (Contestant("us", "s", ours=True), Contestant("peer", "s"), Contestant("hasty", "s"))


def row(**changes) -> Row:
    return Row("row", "A row", CONTESTANTS, (FIGURE,), **changes)


def raced(disturbance: float = 0.0, **walls: list[float]) -> Raced:
    accuracies = {"hasty": 0.5}
    runs = {
        name: [{"wall": w, "cpu": w, "accuracy": accuracies.get(name, 0.97)} for w in times]
        for name, times in walls.items()
    }
    return Raced("row", 2, False, 2, disturbance, runs)


RACED = raced(us=[1.0, 1.0], peer=[4.0, 4.0], hasty=[0.5, 0.5])


def test_the_examples_hold():
    assert doctest.testmod(results).failed == 0


def test_ours_is_compared_with_the_fastest():
    said = results.aim(row(), RACED, FIGURE, MACHINE)
    assert "2 of the best peer, hasty: behind" in said
    assert "Aim ≤ 0.5: **missed**" in said
    assert "Aim ≤ 2 s: reached" in said
    assert "40 GFLOP/s, 40% of the ceiling" in said


def test_a_peer_below_the_gate_is_not_the_best():
    said = results.aim(row(gate=0.9), RACED, FIGURE, MACHINE)
    assert "0.25 of the best peer, peer: ahead. Aim ≤ 0.5: reached" in said
    assert "below the gate" in results.section(row(gate=0.9), RACED, MACHINE)


def test_ours_below_the_gate_is_told():
    said = results.aim(row(gate=0.99), RACED, FIGURE, MACHINE)
    assert said == "Time: **ours is below the gate**, so nothing is compared."


def test_accuracies_are_compared_by_their_intervals():
    said = results.section(row(test_images=100), RACED, MACHINE)
    assert "differs beyond the 95 % intervals from: hasty." in said
    alike = raced(us=[1.0], peer=[1.0])
    assert "equal within" in results.section(row(test_images=100), alike, MACHINE)


@pytest.mark.parametrize(("disturbance", "told"), [(0.04, False), (0.2, True)])
def test_figures_of_a_busy_machine_are_marked(disturbance, told):
    busy = raced(disturbance, us=[1.0], peer=[2.0])
    assert ("Too busy to be believed" in results.section(row(), busy, MACHINE)) is told


def test_a_failure_is_told():
    failed = raced(us=[1.0])
    failed.failures["peer"] = "exit code 1\nImportError: no keras"
    said = results.section(row(), failed, MACHINE)
    assert "**peer failed**: ImportError: no keras" in said


def test_milliseconds_are_a_thousandfold():
    figure = Figure("wall", "Time", "ms")
    shown = Row("row", "A row", CONTESTANTS, (figure,))
    assert "| us | 1,000 |" in results.section(shown, raced(us=[1.0]), MACHINE)


def test_what_is_kept_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "KEPT", tmp_path / "results")
    assert results.kept(row()) is None
    results.keep(RACED, MACHINE)
    assert results.kept(row()) == (RACED, MACHINE)

"""`make bench`: every benchmark, one after another."""

from benchmarks import loading, loop

for benchmark in (loading, loop):
    benchmark.main()

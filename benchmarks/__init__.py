"""Side by side with the peers. Ratios measured in one run; never a timed test.

A job and its figures are a `Row` (row.py; rows/ has one file per subject). Every contestant of a
row is a script (contestants/) that runs as a process of its own, a peer's in an environment of its
own (environments.py). race.py runs them in turn, process_tree.py measures each, machine.py knows
the ceilings, medians.py has the arithmetic, results.py and picture.py write what came of it.
"""

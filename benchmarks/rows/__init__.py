"""Every row by name, in the order in which all of them run."""

from benchmarks.row import Row
from benchmarks.rows import infer, loading, mnist, start, step, train, transfer

SUBJECTS = (transfer, start, mnist, step, loading, train, infer)
ROWS: dict[str, Row] = {row.name: row for subject in SUBJECTS for row in subject.ROWS}

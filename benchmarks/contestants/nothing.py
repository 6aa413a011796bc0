"""Makes nothing beforehand: for contestants that are commands."""

from benchmarks.contestants.asked import asked, parser

if __name__ == "__main__":
    asked(parser())

"""`python -m striate.cli`, where the command is not on the path."""

from striate.cli import main

main()

"""`python -m striate`, as `torchrun -m striate` needs it."""

from striate.cli import main

if __name__ == "__main__":
    main()

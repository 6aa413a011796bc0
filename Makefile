# Two commands do everything from a bare machine with Python 3.11 and git: `make demo`, `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# What the tests compare with. Alone, since their own dependencies would bring in another torch.
PEERS := torchvision==0.28.0 timm==1.0.31 captum==0.9.0 grad-cam==1.5.7 ttach==0.0.3
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-all check bench clean

demo: $(VENV)/installed  ## train on the built-in handwritten digits and write a report
	$(BIN)/striate train digits

test: $(VENV)/installed-dev  ## every test but the slow ones
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/installed-dev  ## the slow ones too
	$(BIN)/python -m pytest

check: $(VENV)/installed-dev  ## lint, format, types, and the walls between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed-dev  ## side by side with the peers: make bench ROWS="step mnist --quick"
	$(BIN)/python -m benchmarks $(ROWS)

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]"
	$(PIP) install --quiet --no-deps $(PEERS)
	touch $@

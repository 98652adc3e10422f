# `make demo` and `make test` do all their own set-up; nothing but Python 3.11 and make is needed.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

# Types are checked on one processor while kernels are compiled on the other.
MAKEFLAGS += --jobs=2

.PHONY: setup kernels demo test lint format bench soak up clean

SECONDS ?= 600
SEED ?= 1

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "Croupier needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,bench,bot,console,analyst]'
	@touch $(STAMP)

demo: setup
	$(BIN)/croupier demo

kernels: setup
	$(BIN)/python -m stream_workers.bandits.compile

test: kernels
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks.tables

soak: setup
	$(BIN)/python -m tests.faults.soak --seconds $(SECONDS) --seed $(SEED)

up: setup
	$(BIN)/croupier up

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

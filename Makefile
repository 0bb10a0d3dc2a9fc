# make demo   set everything up, read a folder of long documents and search it
# make test   set everything up and run the tests
# make lint   what CI checks besides the tests
# make test-browser   the page, in a real Chromium
# make test-integrations   the packages for other frameworks, each with its framework's own tests
# make help   the rest
#
# Nothing is needed but Python 3.10 or newer and make: `make demo PYTHON=python3.12` picks another.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The packages for other frameworks bring those along, with plugins for pytest, so that they have an
# environment of their own.
INTEGRATIONS_VENV ?= .venv-integrations

# Installed first and by this pin. Left to a wider range, pip takes the newest torch, whose Linux
# wheel brings gigabytes of CUDA libraries, even where a CPU build of this version is at hand (in a
# folder of PIP_FIND_LINKS, or with PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu).
TORCH := torch==2.13.0

# The demo and the tests need no network once everything is installed.
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser kills audit test-integrations test-integrations-lowest lint format figures clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 36

demo: $(VENV)/.installed ## ingest demo/documents and ask it a few questions
	$(BIN)/python demo/run.py

# One thread per worker: more would only fight over the cores.
test: $(VENV)/.installed-dev ## the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

# A browser of the system: Playwright's own would be a download of hundreds of megabytes.
test-browser: $(VENV)/.installed-browser ## the page in a real Chromium, which has to be there: chromium in PATH
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/server/browser

kills: $(VENV)/.installed-dev ## kill commands at random moments for a minute: nothing is lost or doubled
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.kills --seconds 60

audit: $(VENV)/.installed-dev ## look up known weaknesses of what is installed; skipped without a net
	$(BIN)/python .ci/audit.py

test-integrations: $(INTEGRATIONS_VENV)/.python ## the packages in integrations/, with the newest frameworks
	$(INTEGRATIONS_VENV)/bin/python integrations/run.py --install

test-integrations-lowest: $(INTEGRATIONS_VENV)-lowest/.python ## ... with the oldest that they work with
	$(INTEGRATIONS_VENV)-lowest/bin/python integrations/run.py --install --lowest

lint: $(VENV)/.installed-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

figures: $(VENV)/.installed-dev ## draw the figures of docs/ again
	$(BIN)/python docs/figures/positions.py
	$(BIN)/python docs/figures/house.py
	$(BIN)/python docs/figures/choosing.py

clean: ## remove the environment, caches and what the demo made
	rm -rf $(VENV) $(INTEGRATIONS_VENV) $(INTEGRATIONS_VENV)-lowest demo-output build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: an environment is made once, and again when the dependencies change.
%/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; say which: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $*; the first time this downloads some hundred megabytes and takes minutes."
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install -qq --upgrade pip
	$*/bin/python -m pip install -qq "$(TORCH)"
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install -qq --editable ".[dev]"
	@touch $(VENV)/.installed $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(BIN)/python -m pip install -qq --editable ".[browser]"
	@touch $@

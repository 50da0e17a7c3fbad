# Every target does its own set-up; on a fresh machine start with `make demo`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs doctor sandbox browser clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

demo: $(VENV)/ready sandbox ## The whole way on a small class: build, release, grade, feedback, report
	$(BIN)/autograder demo

test: $(VENV)/ready sandbox browser lint ## Everything that CI runs
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal

lint: $(VENV)/ready ## Style, formatting, types, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/docs ## The documentation site, in build/docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

$(VENV)/docs: $(VENV)/ready
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable ".[docs]"
	@touch $@

doctor: $(VENV)/ready ## Is this machine fit to grade?
	$(BIN)/autograder doctor

clean: ## Remove everything that was built, but the environment
	rm -rf build demo .pytest_cache .ruff_cache

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || \
		{ echo "Python 3.11.4 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

sandbox: # bubblewrap: the box that submissions run in
	@command -v bwrap >/dev/null || $(call apt,bubblewrap) || { \
		echo "bubblewrap is missing. Debian, Ubuntu: sudo apt-get install bubblewrap. Fedora: sudo dnf install bubblewrap."; \
		echo "macOS, Windows: grade in a Linux virtual machine or WSL2."; exit 1; }

browser: # Chromium, for the tests that open the notebooks in JupyterLab; they are skipped without it
	@command -v chromium >/dev/null || $(call apt,chromium) || \
		echo "chromium is missing: the browser tests will be skipped (Debian: sudo apt-get install chromium)."

# Install a Debian package when that is possible without asking: as root, with apt.
apt = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(1) >/dev/null; }

# Every target does its own set-up; on a fresh machine start with `make demo`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo quick test proof lint docs doctor sandbox browser packs clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

demo: $(VENV)/ready sandbox ## The whole way on a small class: build, release, grade, feedback, report
	$(BIN)/autograder demo

# One thread in each process: the processes are as many as the cores.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal

quick: $(VENV)/ready ## While you edit: the tests that take no time, in under a minute
	$(PYTEST) -m "not slow and not benchmark and not browser" $(QUICK)

test: $(VENV)/ready sandbox browser packs lint ## Before you push: all tests that take no more than seconds
	$(PYTEST)

proof: $(VENV)/ready sandbox browser packs lint ## Every night: all mutants, whole releases, large classes
	$(PYTEST) -m "not benchmark" --beside
	$(BIN)/pytest tests/attacks/stock_nbgrader.py -m slow

# No worker is started, no notebook is run, no page is opened in a browser.
QUICK := autograder/checks tests/authoring/test_stub.py tests/authoring/test_given_cells.py \
	tests/collect/test_identity.py tests/course_files tests/course_utils tests/feedback \
	tests/gradebook/test_roster.py tests/judge/test_forbidden_calls.py tests/judge/test_output_room.py \
	tests/judge/test_read_notebook.py tests/judge/test_sibling_files.py tests/judge/test_weights_file.py \
	tests/judge/test_wire.py tests/walks/test_docs.py tests/watch/test_arrivals.py
# Those of the folders above that take five seconds of a core or more.
QUICK += $(addprefix --ignore=tests/,course_utils/test_color_world.py course_utils/test_self_check.py \
	course_utils/test_visible_checks.py course_utils/test_colorization_plots.py \
	course_utils/test_photographs.py course_utils/test_nearest_bins.py feedback/test_odd_pages.py)
QUICK += $(addprefix --deselect=tests/judge/test_forbidden_calls.py::test_,\
	code_that_was_written_to_be_slow_is_not a_task_that_can_not_be_followed what_can_not_be_followed)

packs: $(VENV)/ready # The packs of pictures that the assignments ship; minutes, the first time
	$(BIN)/python data_scripts/make_packs.py

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

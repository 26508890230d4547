# make play   installs what playing needs and starts the bundled instrument with a phrase
# make test   installs what tests need and runs them all
# make check  formatting, types and floors alone
# make clean  takes away what the others made
#
# PYTHON=python3.12 chooses the interpreter, VENV=... the place of the environment,
# ARGS="--midi --block 128" is handed to `synth play`, TESTS="tests/nn -k step" to pytest.
# Tests run in random order, module by module; TESTS="--randomly-seed=…" repeats the one that a run prints.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
TESTS ?=
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: play test check clean

play: $(VENV)/play.stamp
	@# Ctrl-C reaches the shell as well, which must wait for the sound to fade; it is no error.
	@trap : INT; $(BIN)/synth play --demo $(ARGS) || [ $$? -eq 130 ]

test: $(VENV)/test.stamp
	tools/system-packages.sh test
	$(MAKE) check
	$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/play.stamp: pyproject.toml constraints.txt | $(BIN)/python
	tools/system-packages.sh play
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[train,dev]'
	@touch $@ $(VENV)/play.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "synth needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	    exit 3; }
	tools/system-packages.sh venv $(PYTHON)
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) *.egg-info build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

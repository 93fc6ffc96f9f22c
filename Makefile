# Everything happens in this folder: .venv/ (Python packages) and .tongban/ (jars, data, logs, caches).
.DEFAULT_GOAL := help
.PHONY: help demo up test bench soak chaos simulation lint specs lock down clean

PYTHON ?= python3
export PIP_CACHE_DIR := $(CURDIR)/.tongban/cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
BIN := .venv/bin

help: ## what one can say
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

demo: .venv/installed ## install, start the network, send one real case through it
	@$(BIN)/tongban up
	@$(BIN)/tongban demo

up: .venv/installed ## install and start the network
	@$(BIN)/tongban up

test: .venv/installed lint ## lint, types, import rules, all tests
	@mkdir -p .tongban/tmp && TMPDIR=$(CURDIR)/.tongban/tmp $(BIN)/python -m pytest

bench: .venv/installed ## measure against the limit pipeline and write docs/performance.md (ONLY=B1,B2 CASES=1000000)
	@ONLY="$(ONLY)" $(BIN)/python -m tests.bench

soak: .venv/installed ## 20 minutes at half load: does anything grow? (MINUTES=60: longer)
	@ONLY=B8 MINUTES="$(or $(MINUTES),20)" $(BIN)/python -m tests.bench

chaos: .venv/installed ## harm a private city in every way and check what is left (KILLS=1000 SEED=… FAULTS=K1,K3; K8 needs root)
	@SEED="$(SEED)" KILLS="$(KILLS)" FAULTS="$(FAULTS)" $(BIN)/python -m tests.chaos

simulation: .venv/installed ## ten thousand histories of the kernel under simulation (EXAMPLES=…, SEED=…)
	@$(BIN)/python -m tests.simulation.long

lint: .venv/installed ## ruff, mypy, import rules
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo --cache-dir .tongban/cache/import-linter > .tongban/import-rules 2>&1 || (cat .tongban/import-rules; exit 1)

specs: .venv/installed ## write docs/specs and the timetable of docs/guarantees.md from the code
	@$(BIN)/python -m tests.contract.specs
	@$(BIN)/python -m tests.contract.guarantees

lock: .venv/installed ## pin what pyproject.toml asks for
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --group city --constraint requirements.lock pyproject.toml -o requirements-image.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header tests/bench/neighbours/canaille.in -o tests/bench/neighbours/canaille.lock

.env: docker-compose.yml ## random passwords for docker compose
	@umask 077 && $(PYTHON) deploy/images/passwords.py > .env.new && mv .env.new .env

down: ## stop the network
	@if [ -x $(BIN)/tongban ]; then $(BIN)/tongban down; fi

clean: down ## remove everything that was made here
	@rm -rf .venv .tongban .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@mkdir -p .tongban/cache
	@echo "Installing Python packages into .venv (once, under a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch .venv/installed

# The commands of a working day. A machine with Python 3.11 or newer, git and make needs nothing
# more but a browser for the tests: every target prepares .venv by itself and leaves the system's
# Python alone.

PYTHON_IN_VENV := .venv/bin/python
UV := .venv/bin/uv
WORLD ?= S
SCALE ?= 1
PYTEST_ARGS ?= -n 2 --dist loadgroup

# Programs are started many times: each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint format dev server browser assets lock sbom laptop-folder compiled as-compiled bench-base-data bench-store bench-duplicates bench-ingest bench-pull bench-pages bench-rush bench-folder torture clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: server ## Play the centre and a laptop on this machine (WORLD=S, SERVER_PORT, LAPTOP_PORT, DEMO_DIR, SEED)
	@WORLD="$(WORLD)" exec $(PYTHON_IN_VENV) -m demo

test: lint browser ## Lint, then run every test (PYTEST_ARGS replaces the parallel run)
	@$(PYTHON_IN_VENV) -m pytest $(PYTEST_ARGS)

lint: dev ## Check style, format, types and the direction of imports
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@$(PYTHON_IN_VENV) -m mypy
	@.ci/environment run lint-imports --no-logo

format: dev ## Put the code into its format, with the fixes that are safe
	@$(PYTHON_IN_VENV) -m ruff check --fix .
	@$(PYTHON_IN_VENV) -m ruff format .

dev: .venv/.dev ## Prepare .venv with everything tests and lint need

server: .venv/.server ## Prepare .venv with what the centre and the demo need

browser: ## Make sure that tests find a browser and a Chinese font
	@.ci/environment browser

assets: dev ## Fetch the browser assets again, by exact version, into both apps
	@$(PYTHON_IN_VENV) .ci/assets.py

lock: dev ## Compile requirements/*.in into the hashed locks
	@.ci/environment lock

sbom: dev ## Write what each program is made of (CycloneDX) into dist/, from the locks and the assets
	@$(PYTHON_IN_VENV) .ci/sbom.py

laptop-folder: .venv/.build ## Build dist/gridrounds-laptop, the laptop's program for machines without Python
	@.ci/environment run pyinstaller --noconfirm --clean --log-level WARN \
		--distpath dist --workpath build .ci/laptop.spec

compiled: server .venv/.compile ## Compile the centre's busiest modules (needs a C compiler); again after each upgrade
	@$(PYTHON_IN_VENV) -m sync_server compile

# As an operator of a city would run it; without a C compiler the figures are of plain Python.
as-compiled: dev
	@$(PYTHON_IN_VENV) -m sync_server compile || echo "measured without compiled modules" >&2

torture: dev ## The worst, at length (SCALE=0.01 is a hundredth; TORTURE_ARGS=--postgres: on PostgreSQL)
	@$(PYTHON_IN_VENV) -m tests.torture --scale $(SCALE) $(TORTURE_ARGS)

bench-base-data: dev ## Measure how fast a compound's file opens and a door is found
	@$(PYTHON_IN_VENV) -m benchmarks.bench_base_data

bench-store: dev ## Measure the laptop's store against its peers
	@$(PYTHON_IN_VENV) -m benchmarks.bench_store

bench-duplicates: dev ## Measure recall, precision and speed of the search for duplicates (QUICK=1: small)
	@$(PYTHON_IN_VENV) -m benchmarks.bench_duplicates

bench-ingest: dev as-compiled ## Measure taking changes in beside peers (QUICK=1: short; STORED=10000000: much stored)
	@$(PYTHON_IN_VENV) -m benchmarks.bench_ingest $(BENCH_ARGS)

bench-pull: dev ## Measure a laptop's full download beside peers (QUICK=1: short)
	@$(PYTHON_IN_VENV) -m benchmarks.bench_pull $(BENCH_ARGS)

bench-pages: dev ## Measure the pages of both programs and the laptop's start (QUICK=1: short)
	@$(PYTHON_IN_VENV) -m benchmarks.bench_pages $(BENCH_ARGS)

bench-folder: dev laptop-folder ## Measure the laptop's built folder beside the checkout (QUICK=1: short)
	@$(PYTHON_IN_VENV) -m benchmarks.bench_folder $(BENCH_ARGS)

bench-rush: dev as-compiled ## Let a tenth of a city's laptops come at once (QUICK=1: a few hundred)
	@$(PYTHON_IN_VENV) -m benchmarks.bench_rush $(BENCH_ARGS)

clean: ## Remove .venv and every cache
	rm -rf .venv .bench build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says which lock is installed; a lock newer than its stamp is installed again. The dev
# set holds the server's and what compiling takes, so installing it marks all three.
.venv/.dev: requirements/dev.txt .ci/environment
	@.ci/environment install requirements/dev.txt
	@touch .venv/.server .venv/.compile .venv/.dev

.venv/.server: requirements/server.txt .ci/environment
	@.ci/environment install requirements/server.txt
	@touch .venv/.server

.venv/.build: requirements/build.txt .ci/environment
	@.ci/environment install requirements/build.txt
	@touch .venv/.build

.venv/.compile: requirements/compile.txt .ci/environment
	@.ci/environment install requirements/compile.txt
	@touch .venv/.compile

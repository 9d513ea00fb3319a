# `make run` and `make test` do everything on a fresh machine; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENV ?= base
WORKERS ?= 2
# Several members at a time, each in its own process with one thread: so fitting, plotting and
# tracking overlap.
SIDE_BY_SIDE := --runner ParallelRunner --runner-params max_workers=$(WORKERS)
ONE_THREAD := training.n_jobs=1,inference.n_jobs=1
TOWERS ?=
SAMPLE ?= 200
SEED ?= 0
PACKAGES ?=

.DEFAULT_GOAL := help

$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.PHONY: install
install: $(VENV)/.installed ## Create .venv with the locked packages and this project

.PHONY: run
run: install ## Simulate the demo world and run from raw files to maps and report
	$(BIN)/kedro run --pipelines demo_world
	$(BIN)/kedro run $(SIDE_BY_SIDE) --params $(ONE_THREAD)
	@echo "Report: data/08_reporting/report.html"

.PHONY: towers
towers: install ## Run on real towers: make towers TOWERS=path/to/table.csv.gz
	$(BIN)/kedro run --env fluxnet2015 $(SIDE_BY_SIDE) --params towers_path=$(TOWERS),$(ONE_THREAD)

# deep-forest in its own interpreter, with which tests compare the cascade forest: created once, if a
# Python 3.7 to 3.9 is installed. Without one those tests are skipped.
.PHONY: oracle
oracle: install
	@$(BIN)/python -m uflux_kedro.models.deep_forest.environment 2>&1 | tail -1

.PHONY: test
test: install oracle ## Run all checks of CI: linters, types, import rules, docs, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) docs
	$(BIN)/pytest -n 2

.PHONY: docs
docs: install ## Build the documentation into site/, warnings as errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs site

.PHONY: bench
bench: install ## Compare the models with other programs on real towers: half an hour on an idle machine
	$(BIN)/python -m benchmarks models $(if $(TOWERS),--towers $(TOWERS))

# Not part of `make test`: a mutant takes a second to half a minute.
.PHONY: mutants
mutants: install ## Break code at random and see which tests notice: SAMPLE=200 SEED=0 PACKAGES="..."
	$(BIN)/python -m benchmarks.mutants $(PACKAGES) --sample $(SAMPLE) --seed $(SEED)

.PHONY: lint
lint: install ## Format the code and apply automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: viz
viz: install ## Browse the pipelines
	$(BIN)/kedro viz run --env $(ENV)

.PHONY: mlflow
mlflow: install ## Browse the members' MLflow runs
	$(BIN)/python -m uflux_kedro.tracking

.PHONY: lock
lock: ## Update the locked versions (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --no-strip-extras --quiet -o requirements.lock

.PHONY: clean
clean: ## Remove all results of runs; keep raw data
	rm -rf data/0[2-8]_*/* data/demo_truth mlflow.db mlartifacts site

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z_-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

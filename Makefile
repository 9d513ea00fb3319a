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
MAP ?= data/08_reporting/map
SAMPLE ?= 200
SEED ?= 0
PACKAGES ?=
# Extras that a run can need; the others are large, and for a few.
RUN_EXTRAS := kedro cluster era5 hdf4 raster search
TEST_EXTRAS := earth_engine explain lightgbm s3
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header --no-strip-extras --quiet

.DEFAULT_GOAL := help

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# The locked packages of a file, by the locked uv: in a sixth of pip's time. Where uv cannot reach an
# index that pip is configured for, by pip.
define install_locked
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/uv.txt
	{ $(PIP) --require-hashes --upgrade --target $(VENV)/uv -r $(VENV)/uv.txt \
	  && $(VENV)/uv/bin/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1); } \
	  || $(PIP) --require-hashes -r $(1)
	rm -rf $(VENV)/uv $(VENV)/uv.txt
	$(PIP) --no-deps --no-build-isolation -e .
endef

$(VENV)/.installed: requirements.lock pyproject.toml
	$(call install_locked,requirements.lock)
	touch $@

# Everything of requirements.lock is in requirements-dev.lock too.
$(VENV)/.developing: requirements-dev.lock pyproject.toml
	$(call install_locked,requirements-dev.lock)
	touch $(VENV)/.installed $@

.PHONY: install
install: $(VENV)/.installed ## Create .venv with what running needs, and this project

.PHONY: develop
develop: $(VENV)/.developing ## Add what tests, linters, documentation and benchmarks need

.PHONY: run
run: install ## Simulate the demo world and run from raw files to maps and report
	$(BIN)/kedro run --pipelines demo_world
	$(BIN)/kedro run $(SIDE_BY_SIDE) --params $(ONE_THREAD)

.PHONY: report
report: install ## Write figures, tables and report anew from the outputs of the last run
	$(BIN)/kedro run --pipelines reporting $(SIDE_BY_SIDE)

.PHONY: towers
towers: install ## Run on real towers: make towers TOWERS=path/to/table.csv.gz
	$(BIN)/kedro run --env fluxnet2015 $(SIDE_BY_SIDE) --params towers_path=$(TOWERS),$(ONE_THREAD)

# deep-forest in its own interpreter, with which tests compare the cascade forest: created once, if a
# Python 3.7 to 3.9 is installed. Without one those tests are skipped.
.PHONY: oracle
oracle: install
	@$(BIN)/python -m uflux_kedro.models.deep_forest.environment 2>&1 | tail -1

# A file of tests stays with one worker, so that what its tests share is made once; the longest files
# come first (tests/conftest.py).
.PHONY: test
test: develop oracle ## Run all checks of CI: linters, types, import rules, docs, wheel, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) -j 2 types wheel docs rules
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: types
types: develop ## Check the types
	$(BIN)/mypy

.PHONY: rules
rules: develop ## Check which package imports which
	$(BIN)/lint-imports

.PHONY: wheel
wheel: develop ## Build the wheel and run the library's example from it in a clean environment
	$(BIN)/python tests/wheel.py

.PHONY: pythons
pythons: develop ## The same with each of Python 3.11 to 3.13 that is installed
	@for version in 3.11 3.12 3.13; do \
	  path="$$(echo $(HOME)/.pyenv/versions/$$version.*/bin):$$PATH"; \
	  if python=$$(PATH="$$path" $(BIN)/uv python find --no-project --no-python-downloads $$version); \
	  then $(BIN)/python tests/wheel.py --python "$$python" || exit 1; fi; \
	done

.PHONY: docs
docs: develop ## Build the documentation into site/, warnings as errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs site

.PHONY: bench
bench: develop ## Compare the models with other programs on real towers: half an hour on an idle machine
	$(BIN)/python -m benchmarks models $(if $(TOWERS),--towers $(TOWERS))

# Not part of `make test`: a mutant takes a second to half a minute.
.PHONY: mutants
mutants: develop ## Break code at random and see which tests notice: SAMPLE=200 SEED=0 PACKAGES="..."
	$(BIN)/python -m benchmarks.mutants $(PACKAGES) --sample $(SAMPLE) --seed $(SEED)

.PHONY: lint
lint: develop ## Format the code and apply automatic fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: viz
viz: install ## Browse the pipelines
	$(BIN)/kedro viz run --env $(ENV)

.PHONY: map
map: install ## Open the map of the last run in the browser: make map MAP=data/08_reporting/map
	$(BIN)/python -m uflux_kedro.explorer $(MAP)

# Node is needed for this alone: the built page is in the repository and in the wheel.
.PHONY: web
web: ## Build the map's page from web/, with Node and npm
	cd web && npm install --no-package-lock --no-audit --no-fund && npm run build

.PHONY: mlflow
mlflow: install ## Browse the members' MLflow runs
	$(BIN)/python -m uflux_kedro.tracking

.PHONY: lock
lock: develop ## Update the locked versions
	$(COMPILE) $(foreach e,$(RUN_EXTRAS) $(TEST_EXTRAS),--extra $e) --group dev -o requirements-dev.lock
	$(COMPILE) $(foreach e,$(RUN_EXTRAS),--extra $e) --group build -c requirements-dev.lock -o requirements.lock

.PHONY: clean
clean: ## Remove all results of runs; keep raw data
	rm -rf data/0[2-8]_*/* data/unfinished data/.made.json data/demo_truth mlflow.db mlartifacts .viz site

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z_-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

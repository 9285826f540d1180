# All that a reader, a developer or CI runs. Only Python (3.11 or 3.12) is needed beforehand.

PYTHON ?= python3
CORES ?= 2

BIN := .venv/bin
INSTALLED := .venv/requirements.lock
DEMO := $(BIN)/snakemake --configfile config/demo.yaml
REPORT := results/demo/report.html
# A worker for each core; tests of a file stay together, for what they share is made once.
TESTS := -n $(CORES) --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-full test-cluster benchmark lint format docs lock

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

# The report is made again only where a result or a caption is newer.
demo: $(INSTALLED)  ## Run the whole workflow on the embedded cohort, and make its report
	$(DEMO) --cores $(CORES) -- supplement
	@if [ ! -e $(REPORT) ] || [ -n "$$(find results/demo workflow/report -type f -newer $(REPORT))" ]; \
	then $(DEMO) --report $(REPORT) -- supplement; fi
	@echo "Report:  $(REPORT)"
	@echo "Ledger:  results/demo/ledger.html"
	@echo "Pages of tables:"; find results/demo/tables -name '*.html' | sort | sed 's/^/  /'
	@echo "Figures:"; find results/demo/figures -name '*.png' | sort | sed 's/^/  /'

test: $(INSTALLED)  ## The tests that fit in minutes
	$(BIN)/python -m pytest $(TESTS)

test-full: $(INSTALLED)  ## All tests but those that need a cluster
	$(BIN)/python -m pytest $(TESTS) -m "not cluster"

test-cluster: $(INSTALLED)  ## The workflow under a real Slurm on this machine (root, Debian)
	@command -v slurmctld slurmd munged >/dev/null || \
	{ echo "no Slurm here: apt-get install --no-install-recommends slurm-wlm munge"; exit 1; }
	$(BIN)/python -m pytest -m cluster

benchmark: $(INSTALLED)  ## The engine against a plain loop, on real sections: 15 minutes on two cores
	PYTHONPATH=src $(BIN)/python benchmarks/suite.py $(BENCHMARK)

lint: $(INSTALLED)  ## What the tests check of the code's form
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/snakemake --lint --configfile config/demo.yaml

format: $(INSTALLED)  ## Format Python and Snakemake code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

docs: $(INSTALLED)  ## Generate what the models of the configuration say: schema and pages
	PYTHONPATH=src $(BIN)/python -m stnet.config.reference

lock:  ## Choose exact versions again (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
		pyproject.toml --group pyproject.toml:dev -o requirements.lock

# A copy of the locks marks what was installed, and is written only when that went well. What
# HistomicsTK requires has a web server and GDAL in it, and its import needs neither; it has no
# wheels for a Python newer than 3.12.
$(INSTALLED): requirements.lock histomicstk.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else \
	"Python 3.11 or 3.12 is needed, $(PYTHON) is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])'
	@cat $^ | cmp -s - $@ || { $(PYTHON) -m venv .venv && \
	$(BIN)/python -m pip install --requirement requirements.lock && \
	$(BIN)/python -m pip install --no-deps --requirement histomicstk.lock; }
	@cat $^ > $@

# All that a reader, a developer or CI runs. Only Python (3.11 to 3.14) is needed beforehand: the
# newest that is found is taken, or the one that PYTHON names. VENV is where packages are installed.

PYTHON ?=
VENV ?= .venv
CORES ?= 2
# With CPU=1, torch comes without CUDA, and an environment that is made so stays so.
CPU ?= $(if $(wildcard $(VENV)/requirements-cpu.lock),1)

# Hundreds of jobs import the library: its bytecode is kept even where containers turn that off.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
LOCK := requirements$(if $(CPU),-cpu).lock
INSTALLED := $(VENV)/$(LOCK)
SPATIALDATA := $(VENV)/spatialdata.lock
DOCS := $(VENV)/docs.lock
DEMO := $(BIN)/snakemake --configfile config/demo.yaml
REPORT := results/demo/report.html
# One worker per core; tests of a file share fixtures, so they run on one worker.
TESTS := -n $(CORES) --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-full test-cluster soak spatialdata benchmark card lint format reference \
	docs openseadragon lock

# A shell command that prints "3.14 python3.14" for each usable Python. A name on the
# path is no proof: pyenv has one for each version, active or not. On Debian, ensurepip is in a
# package of its own. For 3.14, immutables, which Snakemake requires, has no wheels.
CANDIDATES = $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 \
	$(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.1[1-4].*/bin/python3))
ASK = import ensurepip, os, shutil, sys, sysconfig; \
	compiler = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]); \
	headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")); \
	print("%d.%d" % sys.version_info[:2]); \
	sys.exit(sys.version_info[:2] == (3, 14) and not (compiler and headers))
RUNNING = for python in $(CANDIDATES); do \
	version=$$("$$python" -c '$(ASK)' 2>/dev/null </dev/null) && echo "$$version $$python"; done
# Of those, the first of each version that will do, newest first.
USABLE = { $(RUNNING); } | grep '^3\.1[1-4] ' | sort -s -t. -k2,2nr | awk '!seen[$$1]++'

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

# The report is made again only where a result or a caption is newer.
demo: $(INSTALLED)  ## Run the whole workflow on the embedded cohort, and make its report
	$(DEMO) --cores $(CORES) -- supplement
	@if [ ! -e $(REPORT) ] || [ -n "$$(find results/demo workflow/report -type f -newer $(REPORT))" ]; \
	then $(DEMO) --report $(REPORT) -- supplement; fi
	@echo "Report:  $(REPORT)"
	@echo "Open:    results/demo/index.html"
	@echo "Pages of tables:"; find results/demo/tables -name '*.html' | sort | sed 's/^/  /'
	@echo "Figures:"; find results/demo/figures -name '*.png' | sort | sed 's/^/  /'

test: $(INSTALLED) $(SPATIALDATA)  ## The tests that fit in minutes
	$(BIN)/python -m pytest $(TESTS)

# An environment for each version is kept: CUDA's libraries come with torch.
test-full: $(INSTALLED) $(SPATIALDATA) $(DOCS)  ## All tests but a cluster's, and `test` under each other Python found (7 GB each)
	$(BIN)/python -m pytest $(TESTS) -m "not cluster"
	@here=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	$(USABLE) | while read -r version python; do \
	[ "$$version" = "$$here" ] || echo "Python $$version"; \
	[ "$$version" = "$$here" ] || $(MAKE) test VENV=.venv-$$version PYTHON=$$python </dev/null || \
	exit 1; done

test-cluster: $(INSTALLED)  ## The workflow under a real Slurm on this machine (root, Debian)
	@command -v slurmctld slurmd munged >/dev/null || \
	{ echo "no Slurm here: apt-get install --no-install-recommends slurm-wlm munge"; exit 1; }
	$(BIN)/python -m pytest -m cluster

soak: $(INSTALLED)  ## Kills, full disks and damaged files, rule by rule: two hours on two idle cores (root)
	$(BIN)/python tests/soak.py $(SOAK)

spatialdata: $(SPATIALDATA)  ## Install what sections of SpatialData need

benchmark: $(INSTALLED)  ## The engine against a plain loop, on real sections: 15 minutes on two cores
	PYTHONPATH=src $(BIN)/python benchmarks/suite.py $(BENCHMARK)

card: $(INSTALLED)  ## What a GPU does, in nine minutes: tests, rates, a training step, the paper's run
	PYTHONPATH=src $(BIN)/python benchmarks/card.py $(CARD)

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

reference: $(INSTALLED)  ## Generate the schema and the reference pages from configuration and rules
	PYTHONPATH=src $(BIN)/python -m stnet.config.reference
	PYTHONPATH=src:tests/support $(BIN)/python docs/rules_page.py

docs: reference $(DOCS)  ## The documentation as a site: site/index.html
	$(BIN)/python docs/screenshots.py
	PYTHONPATH=src:$(VENV)/docs $(BIN)/python -m sphinx -W --keep-going -q -c docs . site
	@echo "Open:    site/index.html"

openseadragon:  ## Fetch the part of the pages that zooms: make openseadragon VERSION=6.1.1 (needs npm)
	cd src/stnet/viewer/openseadragon && npm pack openseadragon@$(VERSION) && \
	tar -xzf openseadragon-$(VERSION).tgz --strip-components=1 package/LICENSE.txt && \
	tar -xzf openseadragon-$(VERSION).tgz --strip-components=3 \
	package/build/openseadragon/openseadragon.min.js && rm openseadragon-$(VERSION).tgz && sha256sum *.js

LOCKED := uv pip compile --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
# Only PyTorch's own index has builds for Linux without CUDA.
# What is optional is chosen so that it fits the other packages, which its lock leaves out.
lock:  ## Choose exact versions again (needs uv)
	$(LOCKED) pyproject.toml --group pyproject.toml:dev -o requirements.lock
	{ echo "--extra-index-url https://download.pytorch.org/whl/cpu"; sed -E '/^(nvidia|cuda)-|^triton=/d; \
		s/^(torch|torchvision)==[^ ]+/&+cpu/' requirements.lock; } > requirements-cpu.lock
	for group in spatialdata docs; do \
	$(LOCKED) --quiet --group pyproject.toml:$$group --overrides requirements.lock | \
	awk -F== 'NR == FNR {there[$$1]; next} !($$1 in there)' requirements.lock - > $$group.lock; done

# A copy of the locks marks what was installed, and is written only when that went well. HistomicsTK's
# requirements include a web server and GDAL, which its import does not need: it is installed without.
$(INSTALLED): $(LOCK) histomicstk.lock
	@cat $^ | cmp -s - $@ || { python=$$($(USABLE) | head -n 1 | cut -d' ' -f2); \
	[ "$$python" ] || { echo "Python 3.11 to 3.14 with venv is needed, and for 3.14 a C compiler with" \
	"Python's headers (on Debian or Ubuntu: apt-get install python3-venv python3-dev gcc);" \
	"to name one: make PYTHON=python3.13. Found:" \
	"$$($(RUNNING) | awk '{print $$2, "is", $$1}' | paste -sd, | grep . || echo none)$(if \
	$(PYTHON), among PYTHON=$(PYTHON) (a path without spaces))" >&2; exit 1; }; \
	echo "$$python in $(VENV)"; rm -f $(VENV)/*.lock; "$$python" -m venv $(VENV) && \
	$(BIN)/python -m pip install --requirement $(LOCK) && \
	$(BIN)/python -m pip install --no-deps --requirement histomicstk.lock; }
	@cat $^ > $@

# In folders of their own: anndata imports dask and xarray wherever they are, in every job.
$(SPATIALDATA) $(DOCS): $(VENV)/%.lock: %.lock $(INSTALLED)
	@cmp -s $< $@ || { rm -rf $(VENV)/$* && \
	$(BIN)/python -m pip install --no-deps --target $(VENV)/$* --requirement $<; }
	@cp $< $@

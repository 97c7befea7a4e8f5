# Thin: the work is done by the `leadstream` command. `make help` lists what there is.
.DEFAULT_GOAL := help
LEADSTREAM := .venv/bin/leadstream
PYTHON_ENV := .venv/bin/python

.PHONY: help setup demo up down status clean test bench chaos soak browser

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

setup: ## .venv with the locked packages, and the local servers; seconds when warm
	@sh deploy/local/setup.sh

demo: setup ## example leads through all five services, then everything stopped
	@$(LEADSTREAM) demo

up: setup ## servers and services started; they stay until make down
	@$(LEADSTREAM) stack up
	@$(LEADSTREAM) migrate
	@$(LEADSTREAM) topics apply
	@$(LEADSTREAM) services up

down: ## services and servers stopped, data kept
	@if [ -x $(LEADSTREAM) ]; then $(LEADSTREAM) stack down; else echo "nothing is installed"; fi

status: ## how servers and services are
	@$(LEADSTREAM) stack status
	@$(LEADSTREAM) services status

clean: ## data, logs and keys removed (the installed packages stay)
	@if [ -x $(LEADSTREAM) ]; then $(LEADSTREAM) stack clean --yes; else rm -rf .leadstream; fi

# Two workers, each with servers of its own; a file stays with one of them.
test: setup ## the whole gate suite
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy
	.venv/bin/lint-imports
	$(PYTHON_ENV) -m pytest -n 2 --dist loadfile --durations 20

# CHAOS: what else `python -m tests.chaos --help` lists.
chaos: setup ## faults under load, each judged by one oracle; FULL=1 the long run, ONLY=F41 SEED=7 one of them again
	@$(PYTHON_ENV) -m tests.chaos $(if $(FULL),--full) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(CHAOS)

soak: setup ## half of the peak with faults at random; MINUTES=30
	@$(PYTHON_ENV) -m tests.chaos --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED)) $(CHAOS)

# LONG=1: everything, hours. ARGS: what `python -m tests.benchmark --help` lists.
bench: setup ## CPU a message, leads a second, latencies; beside FastStream and Quix Streams (LONG=1: and growth, imports, HTTP, a CRM)
	@$(PYTHON_ENV) -m tests.benchmark $(if $(LONG),all --long) $(ARGS)

# Skipped, with the reason, where there is no Chromium. ARGS: pytest's.
browser: setup ## the snippet of pages in a real browser, against a real capture
	@LEADSTREAM_BROWSER=make $(PYTHON_ENV) -m pytest tests/browser -q -rs $(ARGS)

# GNU make 3.81 and /bin/sh are enough; everything is installed into .venv.

BIN := .venv/bin
WORKERS ?= 3
# Where compiled code may not be kept, each of the many processes would compile all of it anew.
export PYTHONDONTWRITEBYTECODE :=
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help run test check faults bench format histories lock clean

help: ## Show what there is to make.
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

run: ## Run the whole product on this machine; options go in ARGS, as in: make run ARGS=--ephemeral
	@sh scripts/environment.sh embedded
	@exec $(BIN)/iris up $(ARGS)

test: ## Run the tests, on real servers of their own; pytest's options go in ARGS.
	@sh scripts/environment.sh development
	$(BIN)/pytest --numprocesses $(WORKERS) $(ARGS)

check: ## Check style, types, who imports whom, and whether packages are known to be vulnerable.
	@sh scripts/environment.sh development
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python scripts/audit.py

faults: ## Hurt the running product for a minute, and compare the books; options go in ARGS='--seconds 600 --seed 7'.
	@sh scripts/environment.sh development
	$(BIN)/python -m bench.faults $(ARGS)

bench: ## Measure what a message costs, beside what the engine itself can do; options go in ARGS.
	@sh scripts/environment.sh development
	$(BIN)/python -m bench.speed $(ARGS)

format: ## Format the code, and mend what can be mended by itself.
	@sh scripts/environment.sh development
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

histories: ## Record the histories that the tests replay; only some stories: make histories ARGS="silence inbound"
	@sh scripts/environment.sh development
	$(BIN)/python -m tests.workflows.recording $(ARGS)

lock: ## Lock the requirements to their newest versions that fit pyproject.toml.
	@sh scripts/environment.sh development
	$(LOCK) --upgrade --extra embedded --extra development --output-file requirements/development.txt
	$(LOCK) --extra embedded --constraint requirements/development.txt --output-file requirements/embedded.txt
	$(LOCK) --constraint requirements/development.txt --output-file requirements/runtime.txt

clean: ## Remove the environment and all caches; the data of `make run` in .iris stays.
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

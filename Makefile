# Everything a developer needs. Python 3.11 or later, make and git are assumed; the rest is installed here.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
# sam build calls uv; and SAM tells nobody that it was used.
SAM := PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .tools/sam/bin/sam
COMPILE := $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --no-header

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/stamp .tools/sam/stamp .tools/ministack/stamp ## Install everything into .venv and .tools

.PHONY: run
run: setup ## Show the main job end to end on the embedded stack
	@exec $(BIN)/python -m local demo

.PHONY: replay
replay: setup ## Deliver an event file to the embedded stack, as in: make replay EVENT=events/s3/put.json
	@test -n "$(EVENT)" || { echo 'Name a file: make replay EVENT=events/s3/put.json' >&2; exit 2; }
	@exec $(BIN)/python -m local replay "$(EVENT)"

.PHONY: up
up: setup ## Start the embedded stack, or deploy to the one that runs
	@exec $(BIN)/python -m local up

.PHONY: down
down: ## Stop the embedded stack
	@test ! -x $(BIN)/python || exec $(BIN)/python -m local down

.PHONY: console
console: setup ## Show the embedded stack in a browser, until Ctrl-C; PORT=8080 chooses the port
	@exec $(BIN)/python -m local console $(if $(PORT),--port $(PORT))

# The test of the console needs a browser, and says so if there is none. All other tests go on without one.
.PHONY: test
test: lint ## Check everything: style, types, template, and all tests
	-@$(BIN)/python -m local.browser
	$(BIN)/pytest --numprocesses 2 --no-loadscope-reorder

.PHONY: build
build: setup ## Build for `sam deploy` as `sam build` does, and add bytecode if python3.13 is there
	$(SAM) build
	@$(MAKE) --no-print-directory bytecode

# Bytecode is for one version of Python only: that of the Lambda runtime. Lambda unpacks the code to /var/task, where the
# files have other times.
RUNTIME := python3.13
BUILT := .aws-sam/build
.PHONY: bytecode
bytecode:
	@if $(RUNTIME) -c '' 2>/dev/null; then \
		for code in $(BUILT)/*/; do \
			(cd "$$code" && $(RUNTIME) -m compileall -qf --invalidation-mode unchecked-hash -d /var/task .) || exit 1; \
		done; echo "The functions have bytecode: a cold start imports them in half the time."; \
	else echo "There is no $(RUNTIME) here, so the functions have no bytecode. They work without it."; fi

.PHONY: bench
bench: setup ## Run all benchmarks in a short form and write benchmarks/RESULTS.md; LONG=1 takes longer
	@exec $(BIN)/python -m benchmarks $(if $(LONG),--long)

.PHONY: screenshots
screenshots: setup ## Make the screenshots of the documents anew, by the test of the console
	SCREENSHOTS=docs $(BIN)/pytest tests/e2e/test_console.py

.PHONY: lint
lint: setup .tools/scan/checked ## Check style, types and the template
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(SAM) validate --lint
	$(SAM) validate --lint --template forwarding/template.yaml

.PHONY: scan
scan: ## Scan the template and the code for security defects, even if nothing changed since the last scan
	rm -f .tools/scan/checked
	$(MAKE) .tools/scan/checked

# Ten seconds' work, so it is not done twice on the same files. Checkov asks nobody: no platform, no downloads.
SCANNED := template.yaml forwarding/template.yaml pyproject.toml $(shell find functions local ops -name "*.py") \
	$(wildcard .github/workflows/*.yml examples/terraform/*.tf)
.tools/scan/checked: $(SCANNED) | .tools/scan/stamp
	.tools/scan/bin/bandit --quiet --recursive functions
	.tools/scan/bin/bandit --quiet --recursive local ops --configfile pyproject.toml
	.tools/scan/bin/checkov --file template.yaml forwarding/template.yaml --framework cloudformation --compact --quiet --skip-download
	.tools/scan/bin/checkov --directory .github --framework github_actions --compact --quiet --skip-download
	.tools/scan/bin/checkov --directory examples --framework terraform --compact --quiet --skip-download
	touch $@

.PHONY: format
format: .venv/stamp ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: docs
docs: .venv/stamp ## Write docs/settings.md from the parameters of the templates
	$(BIN)/python -m local.settings_page

.PHONY: lock
lock: .venv/stamp ## Pin every dependency anew
	$(COMPILE) --upgrade --group dev pyproject.toml -o requirements/dev.txt
	$(COMPILE) --upgrade --group sam -o requirements/sam.txt
	$(COMPILE) --upgrade --group ministack -o requirements/ministack.txt
	$(COMPILE) --upgrade --group scan -o requirements/scan.txt
	$(COMPILE) --upgrade -c requirements/dev.txt pyproject.toml $(LEFT_TO_THE_RUNTIME) -o functions/requirements.txt

# The Lambda runtime brings botocore and what it needs.
LEFT_TO_THE_RUNTIME := $(foreach package,botocore jmespath python-dateutil six,--no-emit-package $(package))

.PHONY: clean
clean: down ## Remove everything that was installed or made here
	rm -rf .venv .tools .local .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps, so that a second set-up does nothing.
.venv/stamp: requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt uv
	$(UV) pip sync --quiet -p .venv requirements/dev.txt
	touch $@

# aws-sam-cli and MiniStack pin their dependencies too tightly to share an environment with ours.
.tools/%/stamp: requirements/%.txt | .venv/stamp
	test -x .tools/$*/bin/python || $(PYTHON) -m venv --without-pip .tools/$*
	$(UV) pip sync --quiet -p .tools/$* requirements/$*.txt
	touch $@

# Budstikke on one machine. `make` alone lists what there is.

PORT_BASE ?= 20000
VAR ?=
OPERATORS ?=
ROLES ?=
ARGS ?=
export PORT_BASE VAR OPERATORS ROLES

# Modules are compiled once for all processes, whatever the shell says of it: that halves the time they take to start.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/var/cache/bytecode

PYTHON = $(eval PYTHON := $(shell deploy/local/find-python))$(PYTHON)
VENV := .venv/bin
SETUP = '$(PYTHON)' -m deploy.local.bootstrap
FOLDER = $(or $(VAR),$(patsubst var/20000,var,var/$(PORT_BASE)))
SERVICES = ingest dispatch dlr billing retention
STATE = data data-own log keys run operators.yaml local.env kafka-*.env lock

.DEFAULT_GOAL := help
.PHONY: help run stop test test-unit test-interop fuzz check bench k8s-check k8s-check-deep format setup lock topics clean distclean

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT_BASE=$(PORT_BASE) is the first port: with another one, a second run stands beside the first; its data are in $(FOLDER)."
	@echo "  OPERATORS=my.yaml sends through the operators of that file instead of simulators."
	@echo "  ROLES=split makes every role a process of its own, as on Kubernetes."

run: ## set up, start everything, show what it does, stay until Ctrl-C
	@$(SETUP) local
	@exec $(VENV)/python -m deploy.local run

demo-message: ## on a running system: a message, from the door to the handset
demo-hold: ## a message that waits for a person, who lets it go
demo-charge: ## a charge on a phone bill, and its refund
demo-erase: ## a person who is forgotten, with proof
demo-invoice: ## the month closed early, and its invoice
demo-%:
	@$(SETUP) local
	@$(VENV)/python -m deploy.local $@

stop: ## end what `make run` started, from another terminal
	@if [ -x $(VENV)/python ]; then $(VENV)/python -m deploy.local stop; fi

test: ## set up and run every test, on four workers
	@$(SETUP) dev
	@$(VENV)/python -m deploy.local jars
	@$(VENV)/pytest -n 4 --no-loadscope-reorder -r fEs $(ARGS)

test-unit: ## the tests that need no server
	@$(SETUP) dev
	@$(VENV)/pytest tests/unit $(ARGS)

test-interop: ## SMPP and texts against what others wrote (npm, smpp34, Kannel), none of them missing
	@$(SETUP) dev
	@tests/interop/install npm
	@INTEROP_DEMANDED=1 $(VENV)/pytest tests/interop $(ARGS)

fuzz: ## the SMPP stack on octets by chance, for ten minutes or until something is found
	@$(SETUP) dev
	@$(VENV)/python -m tests.fuzz $(ARGS)

check: ## format, lint, strict types, import rules
	@$(SETUP) dev
	@$(VENV)/ruff format --check .
	@$(VENV)/ruff check .
	@$(VENV)/mypy
	@$(VENV)/pytest -q tests/unit/test_import_rules.py

bench: ## the whole system under 20,000 messages: rates, and what a message costs each process
	@$(SETUP) dev
	@$(VENV)/python -m deploy.local jars
	@$(VENV)/python -m tests.bench.bench_system $(ARGS)

bench-kafka: ## what the consumer kit reaches on this machine, against its targets (some minutes)
bench-accept: ## what the front door takes
bench-backlog: ## 100,000 messages wait for an operator that is down, and go when it is back: memory, rate, cost
bench-clients: ## what client systems on Kafka may publish
bench-growth: ## what a message costs, and what the stores grow by, from the first to the 200,000th
bench-hops: ## what a message costs our own code, from the door to the router, without any server
bench-lag: ## what a message costs dlr and billing while the sender lags behind the door
bench-latency: ## how long one message takes, from the door to the handset
bench-pace: ## the whole system at 1,000 messages a second: how long each takes to the operator
bench-screening: ## what the rules cost
bench-sender: ## what one bind of a sender carries when the operator answers after 20 ms, and at once
bench-status: ## what a message costs from its facts to its callback, without any server
bench-text: ## what a text and a number cost
bench-smpp: ## the SMPP stack
bench-usage: ## what the usage ledger takes
bench-webhooks: ## what a delivery to a customer costs
bench-workers: ## what a second and a third process of a stage bring
bench-%:
	@$(SETUP) dev
	@$(VENV)/python -m deploy.local jars
	@$(VENV)/python -m tests.bench.bench_$* $(ARGS)

chaos: ## every fault under load, the promises held against what came of it (twenty minutes; SEED=7 ROUNDS=1)
	@$(SETUP) dev
	@$(VENV)/python -m deploy.local jars
	@$(VENV)/python -m tests.chaos.run $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

chaos-premium: ## 5,000 charges while strex, billing and MongoDB are killed (five minutes)
chaos-%:
	@$(SETUP) dev
	@$(VENV)/python -m deploy.local jars
	@$(VENV)/python -m tests.chaos.$* $(ARGS)

k8s-check: ## the manifests and the Dockerfile against schemas, rules and planted faults (needs Go)
	@$(SETUP) dev
	@$(VENV)/python -m deploy.k8s.checks

k8s-check-deep: ## the manifests against an API server of Kubernetes, built once (some minutes; needs Go)
	@$(SETUP) dev
	@$(VENV)/python -m deploy.k8s.checks.deep

format: ## write the files as `make check` wants them
	@$(SETUP) dev
	@$(VENV)/ruff format .
	@$(VENV)/ruff check --fix .

setup: ## install all packages and fetch Kafka, without running anything
	@$(SETUP) dev
	@$(VENV)/python -m deploy.local jars

LOCK = ../$(VENV)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

lock: ## compile requirements/**/*.in into locks with hashes, all from one resolve (ARGS=--upgrade: newer versions)
	@$(SETUP) dev
	@cd requirements && $(LOCK) $(ARGS) dev.in -o dev.txt
	@cd requirements && for set in local runtime $(SERVICES:%=services/%); do $(LOCK) -c dev.txt $$set.in -o $$set.txt || exit 1; done

topics: ## create the topics that a running stack lacks, list all, say which differ
	@$(SETUP) local
	@$(VENV)/python -m deploy.local topics

clean: stop ## stop, and forget all local data, logs and keys
	@rm -rf $(addprefix $(FOLDER)/,$(STATE))
	@if [ -d $(FOLDER) ]; then rmdir --ignore-fail-on-non-empty $(FOLDER); fi

distclean: clean ## also forget all other runs, and all that was installed or fetched
	@for lock in $(wildcard var/*/lock); do $(MAKE) -s stop VAR=$${lock%/lock}; done
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

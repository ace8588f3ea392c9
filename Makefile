# The two commands of the README are `make demo` and `make test`; both set up all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNNABLE := $(VENV)/.runnable
INSTALLED := $(VENV)/.installed

VERCEL_VENV := .venv-vercel
VERCEL_INSTALLED := $(VERCEL_VENV)/.installed
# The first interpreter that runs, not the first that is found: a shim on the path may not.
VERCEL_PYTHON = $(shell for python in python3.13 python3.12 'env PYENV_VERSION=3.13.0 python3'; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo "$$python" && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types unit packages dashboards image lock vercel vercel-tests bench simulate crashes faults mutation clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# The demo needs less than the tests: whoever wants to see it should not wait for linters.
$(RUNNABLE): pyproject.toml
	@echo "setting up $(VENV) …"
	@$(PYTHON) -c 'import sys; sys.exit("Afterword needs Python 3.11 or newer: make PYTHON=python3.x …") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group demo -e '.[otel,sidecar]'
	@touch $(RUNNABLE)

$(INSTALLED): $(RUNNABLE)
	@echo "adding linters, tests and benchmarks …"
	@# All of it at once: asked for what is missing alone, pip would break what is there.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--group lint --group test --group demo --group dashboards --group bench -e '.[otel,sidecar]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --pre --group rotel
	@touch $(INSTALLED)

setup: $(INSTALLED) ## a virtual environment with everything in it

demo: $(RUNNABLE) ## a shop that loses work in every way, and the book beside it (KEEP=1: leave it running)
	@$(BIN)/python -m examples.demo $(if $(KEEP),--keep)

lint: $(INSTALLED) ## style and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED) ## mypy --strict
	$(BIN)/mypy

# Most tests wait for processes of their own, so several at once; a file's tests share what they start.
AT_ONCE := --numprocesses auto --maxprocesses 4 --dist loadfile

unit: $(INSTALLED) ## the tests alone
	@if .ci/packages; then $(BIN)/pytest $(AT_ONCE); \
	elif test -n "$(CI)"; then echo "$$NO_PROGRAMS"; exit 1; \
	else $(BIN)/pytest $(AT_ONCE) -m 'not debian'; tests=$$?; echo "$$NO_PROGRAMS"; exit $$tests; fi

packages: ## Prometheus, Alertmanager and Chromium from Debian, for the tests
	@.ci/packages

define NO_PROGRAMS
##############################################################################
#                                                                            #
#   N O T   R U N :   what needs Prometheus, Alertmanager, nginx, Chromium   #
#                                                                            #
#   They are Debian's packages; the reason why they are not to be had        #
#   stands above (.ci/packages).                                             #
#                                                                            #
##############################################################################
endef
export NO_PROGRAMS

$(VERCEL_INSTALLED): pyproject.toml
	@echo "setting up $(VERCEL_VENV) for Vercel's runtime …"
	@test -x $(VERCEL_VENV)/bin/python || $(VERCEL_PYTHON) -m venv $(VERCEL_VENV)
	@$(VERCEL_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(VERCEL_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--group vercel -e '.[otel,sidecar]'
	@touch $(VERCEL_INSTALLED)

vercel: ## the tests on Vercel's production runtime, in an environment of their own
	@$(if $(VERCEL_PYTHON),$(MAKE) --no-print-directory vercel-tests, \
		echo "$$NOT_RUN"; exit $(if $(CI),1,0))

vercel-tests: $(VERCEL_INSTALLED)
	$(VERCEL_VENV)/bin/python -m pytest tests/on_vercel

define NOT_RUN
##############################################################################
#                                                                            #
#   N O T   R U N :   what needs Vercel's production runtime                 #
#                                                                            #
#   It needs Python 3.12 or newer, and none of python3.13, python3.12 and    #
#   PYENV_VERSION=3.13.0 python3 runs here.                                  #
#                                                                            #
##############################################################################
endef
export NOT_RUN

test: lint types unit vercel ## lint, types and all tests

dashboards: $(INSTALLED) ## write the dashboards and rules anew, from dashboards/mixin
	@$(BIN)/python -m dashboards.mixin
	@$(BIN)/python -m examples.kubernetes.everything

image: $(INSTALLED) ## the container image, built and run (root, buildah, debootstrap; BASE=…)
	sidecar/image/build
	$(BIN)/pytest tests/image

# For every platform and every Python we support, from the package index alone.
LOCK = $(BIN)/uv pip compile --quiet --no-config --no-header --universal --python-version 3.11 \
	--generate-hashes --default-index https://pypi.org/simple

lock: $(INSTALLED) ## pin anew what goes into the image, with hashes (UPGRADE=1: to the newest)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra sidecar -o sidecar/image/requirements.lock pyproject.toml
	$(LOCK) $(if $(UPGRADE),--upgrade) --group image -o sidecar/image/build.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --group shop -o examples/demo/requirements.lock

simulate: $(INSTALLED) ## a simulated fleet against the book (SEED=…, TASKS=1000000)
	cd tests && ../$(BIN)/python -m worlds.simulation \
		$(if $(SEED),--seed $(SEED)) $(if $(TASKS),--tasks $(TASKS))

crashes: $(INSTALLED) ## kill -9 of the sidecar under load (N=100, SEED=…)
	cd tests && ../$(BIN)/python -m worlds.crashes \
		$(if $(N),--kills $(N)) $(if $(SEED),--seed $(SEED))

faults: $(INSTALLED) ## every fault, and the book beside what truly happened (N=100, ONLY=kill, SEED=…)
	@$(if $(VERCEL_PYTHON),$(MAKE) --no-print-directory $(VERCEL_INSTALLED),echo "$$NOT_RUN")
	@cd tests && ../$(BIN)/python -m worlds.faults \
		$(if $(N),--tasks $(N)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(ONLY),--only "$(ONLY)") $(if $(DELIVERY),--delivery $(DELIVERY)) $(if $(VERIFY),--verify)

mutation: $(INSTALLED) ## the ledger made wrong in every small way: do its tests notice? (ONLY=table or code)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group mutation
	cd tests && ../$(BIN)/python -m worlds.mutation $(if $(ONLY),--only $(ONLY))

bench: $(INSTALLED) ## every figure beside its goal (ONLY=ingest: one of them)
	@$(if $(VERCEL_PYTHON),$(MAKE) --no-print-directory $(VERCEL_INSTALLED),echo "$$NOT_RUN")
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

clean: ## forget the environment and what was built
	rm -rf $(VENV) $(VERCEL_VENV) .debian build dist

# Everything a clone needs; `make help` lists the targets.

PYTHON ?= python3
BIN := .venv/bin
PACKAGES := planetlab slice_authority mgmt_authority pl_conf node_manager auditd web
WORKERS ?= 2

# The same line stands in README.md; tests/house/test_system_packages.py compares them.
SYSTEM_PACKAGES := python3 python3-venv make gcc libc6-dev git gpg xmlsec1 openssl iproute2 nftables crun catatonit mmdebstrap busybox-static btrfs-progs openssh-client openssh-server xorriso mtools nfdump w3m chromium chromium-driver

.PHONY: help demo test lint types docs bench clean deps image
help: ## these lines
	@sed -n 's/^\([a-z.]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.venv: .venv/complete ## the virtual environment with everything pinned by constraints.txt
.venv/complete: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "plfed needs Python 3.11 or newer; say PYTHON=… to make")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip setuptools
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv ## a whole federation on loopback, in the foreground; Ctrl-C ends it
	exec $(BIN)/plfed demo

test: .venv ## every test; what cannot run here is skipped by name with the reason
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

lint: .venv ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv ## types, strictly
	$(BIN)/mypy $(PACKAGES)

docs: .venv ## the pages of docs/reference/api, with every method's example called anew
	$(BIN)/python -m tests.manual

bench: .venv ## figures of this machine, printed
	$(BIN)/python -m bench

image: .venv ## the reference image that slivers are made of (needs root)
	$(BIN)/python -m node_manager.images build

deps: ## the system packages (needs root)
	apt-get update
	apt-get install --yes --no-install-recommends $(SYSTEM_PACKAGES)

clean: ## everything that make made
	rm -rf .venv build dist plfed-demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

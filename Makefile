# What people do with this project; `make` alone lists it.

PYTHON := $(shell for python in python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 13) <= sys.version_info < (3, 15))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet
COMPILE := $(RUN) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	--no-header pyproject.toml
PORT ?= 7071
CHECKOV := 3.3.30
ATHERIS := 3.1.0
LOCUST := 2.47.0
MUTMUT := 3.8.1
# Everything but a missing folder of images can be had here; STRICT=1 lets nothing be left out.
STRICT ?=

.PHONY: help serve test predict bench package screenshots notebook lint format requirements clean

help:
	@echo "make serve               start the service on http://localhost:$(PORT) and its page"
	@echo "make predict IMAGE=FILE  answer for one radiograph without a server"
	@echo "make test                run the tests; says what was left out and why"
	@echo "make bench               measure speed, memory and size against the Keras way"
	@echo "make package             build what is deployed: build/package.zip"
	@echo "make screenshots         take the pictures of the page that are in README"
	@echo "make notebook DATA=FOLDER  tell with figures what a network knows (LUNGS= LEFT_OUT= VERSION= CONFIG= TO=)"
	@echo "make lint / make format  check / mend style and types"
	@echo "make checkov             look over the Bicep files; installs checkov into build/checkov"
	@echo "make fuzz SECONDS=60     fuzz decoding, DICOM and the request reader; installs atheris into build/fuzz"
	@echo "make soak REQUESTS=100000  hostile load for long, watched; installs locust into build/soak"
	@echo "make mutation            change code in hundreds of ways: do its tests notice? (MODULE=inference.links: one only)"
	@echo "make requirements        compile the pinned requirements anew (UPGRADE=1: newest versions)"

serve: $(VENV)/local.stamp
	@$(RUN) -m tools.local_host --port $(PORT)

predict: $(VENV)/local.stamp
	@test -n "$(IMAGE)" || { echo "Say which: make predict IMAGE=path/to/xray.jpg"; exit 2; }
	@$(RUN) -m inference "$(IMAGE)" --overlay-dir build/overlays
	@echo "The picture is in build/overlays."

test: $(VENV)/dev.stamp $(if $(shell command -v npm),tests/azurite/node_modules/.stamp)
	STRICT=$(STRICT) $(RUN) -m pytest

bench: $(VENV)/dev.stamp
	$(RUN) -m tools.bench

package: $(VENV)/local.stamp
	$(RUN) -m tools.package

screenshots: $(VENV)/dev.stamp
	$(RUN) -m tools.screenshots

notebook: $(VENV)/dev.stamp
	@test -n "$(DATA)" || { echo "Say which: make notebook DATA=folder/with/manifest.csv"; exit 2; }
	$(RUN) -m training notebook --data "$(DATA)" $(if $(VERSION),--version "$(VERSION)") \
		$(if $(CONFIG),--config "$(CONFIG)") $(if $(LUNGS),--lungs "$(LUNGS)") \
		$(if $(LEFT_OUT),--left-out "$(LEFT_OUT)") $(if $(TO),--to "$(TO)")

lint: $(VENV)/dev.stamp
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/dev.stamp
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

# Its pins and ours do not go together.
.PHONY: checkov
checkov: build/checkov/$(CHECKOV).stamp
	$(PYTHON) -m tools.checkov --command build/checkov/bin/checkov

build/checkov/%.stamp:
	$(PYTHON) -m venv build/checkov
	build/checkov/bin/python -m pip --disable-pip-version-check install --quiet checkov==$*
	@touch $@

# Neither is in the pinned set: each is large, and wanted by few.
.PHONY: fuzz soak mutation
SECONDS ?= 60
REQUESTS ?= 100000

fuzz: build/fuzz/$(ATHERIS).stamp
	@for target in decode dicom request; do \
		echo "$$target, $(SECONDS) s …"; \
		build/fuzz/bin/python -m tests.fuzz $$target --seconds $(SECONDS) 2> build/fuzz/$$target.log \
		|| { tail -40 build/fuzz/$$target.log; exit 1; }; \
		grep -E "Done|peak_rss" build/fuzz/$$target.log; \
	done

soak: build/soak/$(LOCUST).stamp
	build/soak/bin/python -m tests.soak --requests $(REQUESTS)

# One after the other, since tests have deadlines; OpenCV's threads do not outlive the fork that a mutant gets.
mutation: build/mutation/$(MUTMUT).stamp $(if $(shell command -v npm),tests/azurite/node_modules/.stamp)
	rm -rf mutants
	OPENCV_FOR_THREADS_NUM=1 build/mutation/bin/python -m mutmut run --max-children 1 $(if $(MODULE),"$(MODULE).*")
	@build/mutation/bin/python -m mutmut results --all true | $(PYTHON) -m tests.mutation build/mutation.json

build/mutation/%.stamp: requirements-local.txt
	@echo "Installing mutmut $* into build/mutation …"
	@$(PYTHON) -m venv build/mutation
	@build/mutation/bin/python -m pip --disable-pip-version-check install --quiet -r requirements-local.txt
	@build/mutation/bin/python -m pip --disable-pip-version-check install --quiet \
		mutmut==$* pytest hypothesis psutil trustme
	@touch $@

build/fuzz/%.stamp: requirements.txt
	@echo "Installing atheris $* into build/fuzz …"
	@$(PYTHON) -m venv build/fuzz
	@build/fuzz/bin/python -m pip --disable-pip-version-check install --quiet -r requirements.txt
	@build/fuzz/bin/python -m pip --disable-pip-version-check install --quiet atheris==$*
	@touch $@

build/soak/%.stamp: requirements-local.txt
	@echo "Installing locust $* into build/soak …"
	@$(PYTHON) -m venv build/soak
	@build/soak/bin/python -m pip --disable-pip-version-check install --quiet -r requirements-local.txt
	@build/soak/bin/python -m pip --disable-pip-version-check install --quiet \
		locust==$* psutil jsonschema-rs
	@touch $@

requirements: $(VENV)/dev.stamp
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra azure --extra dicom -o requirements.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements.txt --extra azure --extra dicom --extra local -o requirements-local.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements-local.txt \
		--extra archive --extra azure --extra dicom --extra local --extra tensorflow --extra training --extra dev \
		-o requirements-dev.txt
	$(subst pyproject.toml,.github/requirements/audit.in,$(COMPILE)) $(if $(UPGRADE),--upgrade) \
		-o .github/requirements/audit.txt

clean:
	rm -rf $(VENV) build tests/azurite/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.13 or 3.14 is needed and was not found; \
	see https://www.python.org/downloads/"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/%.stamp: requirements-%.txt | $(VENV)/bin/python
	@test $* != dev || $(RUN) -c "import sys; sys.exit(sys.version_info >= (3, 14))" || { \
		echo "The development set needs Python 3.13: TensorFlow has no wheel for a newer one yet. \
	Remove $(VENV) and say: make PYTHON=python3.13 …"; exit 1; }
	@echo "Installing $< (once; the development set has TensorFlow in it and takes some minutes) …"
	$(PIP) -r $<
	@touch $@

# Node's emulator of Azure Storage; without npm, the tests that need it say that they are left out.
tests/azurite/node_modules/.stamp: tests/azurite/package-lock.json
	@echo "Installing Azurite for the tests of the Blob store (once) …"
	@npm ci --prefix tests/azurite --ignore-scripts --no-audit --no-fund --silent && touch $@ \
		|| echo "Azurite could not be installed."

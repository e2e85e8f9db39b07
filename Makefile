# Everything is set up in .venv the first time it is needed: by uv where it is at hand, else by pip.
PORT = 8888
PY = .venv/bin/python
SITE_PY = build/site-venv/bin/python
PYTEST = $(PY) -m pytest
# In a browser of their own: after a dozen lessons in the same one they did not end.
BLOCKED = another_address or does_not_come or lacks_something or needs_no_server or together or at_once
# Without a display JupyterLab only prints its address.
NO_BROWSER = $(shell test "`uname`" = Darwin || test -n "$$DISPLAY$$WAYLAND_DISPLAY" || echo --no-browser)
LOCK = uv pip compile -q pyproject.toml --group build --universal --generate-hashes \
	--fork-strategy fewest --upgrade --custom-compile-command "make lock"

# One thing at a time, whatever -j says: `make -j4 lab test` sets up once.
.NOTPARALLEL:

# The set-up holds the folder it was made in: in a clone that was moved or copied it is done again.
ifneq ($(shell cat .venv/where 2>/dev/null),$(CURDIR))
$(shell rm -f .venv/lab .venv/test)
endif

# Where nothing can be written at home, programs keep their settings here.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/build/home
$(shell mkdir -p "$(CURDIR)/build/home")
$(info Your home folder cannot be written to: settings are kept in build/home.)
endif

.PHONY: help lab lesson copies site site-serve test lint test-browser test-site notebooks notebooks-check bench record record-check lock clean not-root

help:
	@echo "make lab           open the lessons in JupyterLab (PORT=9000 for another port)"
	@echo "make lesson L=01   the newest edition of a lesson, beside your copy"
	@echo "make copies        for a class: lessons without answers, and with them"
	@echo "make site          the lab as a folder that runs in a browser; make site-serve shows it"
	@echo "make test          everything that needs no browser"
	@echo "make test-browser  the lessons in the real JupyterLab, in Chromium"
	@echo "make notebooks     run every lesson and keep its outputs"
	@echo "make test-site     the lessons in build/site, in Chromium (PYODIDE=folder)"
	@echo "For maintainers: notebooks-check bench record record-check lock clean"

lab: not-root .venv/lab
	@$(PY) tools/lab.py --port="$(PORT)" $(NO_BROWSER) $(if $(ALLOW_ROOT),--allow-root)

lesson: .venv/lab
	@$(PY) tools/lab.py --again="$(L)"

copies: .venv/lab
	@$(PY) tools/lab.py --class-copies

# PYODIDE: a folder or an address; without it, the address that the kernel was made for.
site: build/site-venv/made
	@$(SITE_PY) -m tools.site --pyodide="$(PYODIDE)" --into=build/site

site-serve:
	@test -f build/site/index.html || { echo "There is no build/site yet: make site" >&2; exit 1; }
	@echo "The lab is at http://127.0.0.1:$(PORT)/ until you press Ctrl-C."
	@python3 -m http.server -b 127.0.0.1 -d build/site $(PORT) >/dev/null 2>&1

not-root:
	@test -n "$(ALLOW_ROOT)" || test "`id -u`" != 0 || { echo "JupyterLab does not run as root:" \
		"use an ordinary user, or type 'make lab ALLOW_ROOT=1' in a container of your own." >&2; exit 1; }

test: .venv/test lint
	$(PYTEST) -p tests.without_iris -n 2 --dist loadfile --no-loadscope-reorder \
		--nbval --nbval-current-env tests labkit notebooks

lint: .venv/test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

test-browser: .venv/test
	$(PYTEST) -m browser tests/browser

test-site: .venv/test build/site-venv/made
	@test -n "$(PYODIDE)" || { echo "Which Pyodide? make test-site PYODIDE=folder" >&2; exit 1; }
	@$(SITE_PY) -m tools.site --pyodide="$(PYODIDE)" --into=build/test-site
	$(PYTEST) -m site tests/site -k "not ($(BLOCKED))"
	$(PYTEST) -m site tests/site -k "$(BLOCKED)"

notebooks: .venv/lab
	$(PY) tools/notebooks.py --write

notebooks-check: .venv/lab
	$(PY) tools/notebooks.py --check

bench: .venv/test
	$(PY) -m tools.bench

record: .venv/test
	$(PY) -m tools.record

record-check: .venv/test
	$(PY) -m tools.record --check

# Needs uv. Names, versions and hashes, for every platform; never an address.
lock:
	$(LOCK) -o requirements.lock --extra lab
	$(LOCK) -o requirements-test.lock --extra lab --extra test --extra nova --extra rpc -c requirements.lock
	$(subst pyproject.toml --group build,--group site,$(LOCK)) -o requirements-site.lock

clean:
	rm -rf .venv build test-results .pytest_cache .ruff_cache .hypothesis *.egg-info

build/site-venv/made: requirements-site.lock
	@echo "Setting up build/site-venv from $< (once)"
	@mkdir -p build
	@if command -v uv >/dev/null; then \
		uv venv -q --allow-existing build/site-venv && \
		uv pip install -q -p $(SITE_PY) --require-hashes -r $<; \
	else \
		python3 -m venv build/site-venv && \
		$(SITE_PY) -m pip install -q --require-hashes -r $<; \
	fi
	@touch $@

.venv/lab: requirements.lock pyproject.toml
	@$(call install,$<)
	@echo "$(CURDIR)" > .venv/where
	@touch $@

.venv/test: requirements-test.lock pyproject.toml
	@$(call install,$<)
	@echo "$(CURDIR)" > .venv/where
	@touch .venv/lab $@

define install
echo "Setting up .venv from $(1) (once: about a minute with pip, seconds with uv)"; \
$(PY) -c '' 2>/dev/null || rm -rf .venv; \
if command -v uv >/dev/null; then \
	uv venv -q --allow-existing .venv && \
	uv pip install -q -p $(PY) --require-hashes -r $(1) && \
	uv pip install -q -p $(PY) --no-deps --no-build-isolation -e .; \
else \
	for python in python3 python3.13 python3.12 python3.11 none; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if test $$python = none; then echo "The lab needs Python 3.11 or newer as python3." >&2; exit 1; fi; \
	$$python -m venv .venv && \
	$(PY) -m pip install -q --require-hashes -r $(1) && \
	$(PY) -m pip install -q --no-deps --no-build-isolation -e .; \
fi
endef

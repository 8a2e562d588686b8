# `make help` lists the commands. They need python3 (3.11 or newer, with venv) and make, nothing else.

PORT ?= 8000
PYTHON ?= python3
ARGS ?=
UPGRADE ?=
BIN := .venv/bin
STAMP := .venv/.installed
RUNTIME := .venv/.runtime
# Wheels of the recorded hashes alone: nothing is built, so nothing unrecorded comes along to build it.
INSTALL := $(BIN)/python -m pip install --quiet --require-hashes --only-binary :all:
LOCKED := requirements.txt mailing/demo/requirements.txt requirements-dev.txt benchmarks/requirements-peers.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Work on the code asks for no configuration, and the developer's own changes nothing in it.
DEVELOP := DJANGO_SETTINGS_MODULE=tests.settings

# What `check --deploy` must like: a production installation as docs/how-to/install.md describes it.
RANDOM_KEY := $$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(50))")
PRODUCTION := DEBUG=false SECRET_KEY=$(RANDOM_KEY) QUEUE_KEY=$(RANDOM_KEY) \
	SITE_URL=https://letters.example.com ALLOWED_HOSTS=letters.example.com TRUST_PROXY=true \
	EMAIL_HOST=smtp.example.com EMAIL_PORT=587 EMAIL_SECURITY=starttls \
	DEFAULT_FROM_EMAIL=news@example.com ADMINS=admin@example.com DATABASE_URL=sqlite:///var/check.sqlite3

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench pages shots messages pins audit fresh

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## create .venv with everything for work on the code

run: $(RUNTIME)  ## start the demo: web, qcluster and mail server (PORT=8000)
	@test -e .env || export DEBUG="$${DEBUG:-true}"; exec $(BIN)/python manage.py demo --port $(PORT)

test: $(STAMP)  ## all tests, on SQLite and on a PostgreSQL of their own (ARGS="tests/doors -x")
	@$(BIN)/python -m tests $(ARGS)

check: $(STAMP)  ## style, types, import contracts, migrations, production settings, catalogues
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(DEVELOP) $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python -m tests.catalogues
	$(BIN)/python -m pip check

bench: $(STAMP)  ## speed of sending beside its peers, as ratios
	$(BIN)/python -m benchmarks $(ARGS)

pages: $(STAMP)  ## queries, bytes and milliseconds per page at several sizes
	$(BIN)/python -m benchmarks.pages $(ARGS)

shots: $(STAMP)  ## pictures of every page into var/shots (ARGS=--guide: those of the guide for staff)
	$(BIN)/python -m tests.browser.shots $(ARGS)

messages: $(STAMP)  ## collect the strings, then compile the catalogues (needs gettext)
	$(DEVELOP) $(BIN)/python manage.py makemessages --locale ru --no-location --no-wrap --ignore backoffice/locale \
		--ignore .venv --ignore var --ignore tests --ignore benchmarks --ignore staticfiles
	$(DEVELOP) $(BIN)/python manage.py compilemessages --ignore .venv

fresh:  ## a bare Debian, and the documents word by word on it (root; a quarter of an hour; ARGS="readme install")
	@python3 -m tests.fresh $(ARGS)

pins: $(STAMP)  ## after a change of a requirements*.in: write the .txt beside it, with hashes (UPGRADE=--upgrade)
	@for locked in $(LOCKED:.txt=); do $(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 \
		--generate-hashes $(UPGRADE) --output-file $$locked.txt $$locked.in || exit 1; done

audit: $(STAMP)  ## ask an advisory database about every locked package (needs the network)
	@$(BIN)/uv tool run pip-audit@2.10.1 --strict --disable-pip --require-hashes $(LOCKED:%=--requirement %)

$(RUNTIME): requirements.txt mailing/demo/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Samovar needs Python 3.11 or newer; name it: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(INSTALL) --requirement requirements.txt --requirement mailing/demo/requirements.txt
	@touch $@

$(STAMP): $(RUNTIME) requirements-dev.txt
	@$(INSTALL) --requirement requirements-dev.txt
	@touch $@

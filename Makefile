# Two commands for a fresh machine, each doing all its own set-up:
#   make demo   the main job on the lab (or rehearsed, where there is no root or no Linux)
#   make test   lint, types, and all tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LAB_PACKAGES := mmdebstrap systemd-container iproute2 dpkg-dev openssh-client skopeo haproxy keepalived tmux \
  nginx-light libnginx-mod-stream docker-compose curl jq gpg dnf rpm createrepo-c faketime qemu-system-x86

.PHONY: demo test unit slow lab-test lab-long packages install

# Plain, not editable: type checkers and users see the same thing.
install: $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check ".[test]"
	$(BIN)/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps .

$(VENV)/ready:
	$(PYTHON) -m venv $(VENV) || (apt-get update -q && apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV))
	touch $@

# What the lab needs, on Debian and Ubuntu as root; elsewhere its tests say what is missing.
packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  for one in $(LAB_PACKAGES); do dpkg -s $$one >/dev/null 2>&1 || missing="$$missing $$one"; done; \
	  if [ -n "$$missing" ]; then apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; fi; \
	else echo "not root on Debian or Ubuntu: the lab's programs are not installed here"; fi

unit: install
	$(BIN)/ruff check .
	$(BIN)/mypy -p harbor_wizard
	$(BIN)/pytest -n auto

# What takes too long for the default run, which is to stay below a minute.
slow: install
	$(BIN)/pytest -n auto -m "slow and not alone"
	$(BIN)/pytest -m "slow and alone"

# Two labs at once, but for what measures seconds. More would want more of inotify than a machine
# gives by default.
lab-test: install packages
	$(BIN)/pytest tests/lab -m "lab and not long and not alone" -n 2 --dist loadfile
	$(BIN)/pytest tests/lab -m "lab and not long and alone"

# Each fault caused for real, and the wizard killed at many points drawn anew: a quarter of an hour.
lab-long: install packages
	$(BIN)/pytest tests/lab -m "lab and long"

test: packages unit slow lab-test

demo: install packages
	@if $(BIN)/python -c 'import sys; from harbor_wizard.lab.requirements import missing; \
	    found = missing(); print(*found, sep="\n"); sys.exit(bool(found))'; then \
	  $(BIN)/harbor-wizard lab up && \
	  $(BIN)/harbor-wizard lab exec $$PWD/$(BIN)/harbor-wizard apply examples/active-active.yaml \
	    --secrets ~/.local/share/harbor-wizard/lab/secrets.yaml --yes && \
	  $(BIN)/harbor-wizard lab exec $$PWD/$(BIN)/harbor-wizard verify examples/active-active.yaml \
	    --secrets ~/.local/share/harbor-wizard/lab/secrets.yaml && \
	  echo "Look around: $(BIN)/harbor-wizard lab exec $$PWD/$(BIN)/harbor-wizard status lab-active-active" && \
	  echo "Take it away: $(BIN)/harbor-wizard lab down"; \
	else \
	  echo "No lab here, so the run is rehearsed: every host is simulated."; \
	  $(BIN)/harbor-wizard rehearse examples/rehearsal.yaml; \
	fi

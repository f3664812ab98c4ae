# Each target sets up all it needs in .venv; it wants Python 3.11+ with headers and venv, a C compiler and make.
PYTHON ?= python3
BIN := .venv/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
SOURCES := $(wildcard cext/*.pyx cext/*.pxd cext/*.h) setup.py pyproject.toml constraints.txt

.PHONY: demo test test-full check lint types kernels checked-kernels bench conformance vendor-client artiq processors firmware \
        firmware-test gateware gateware-test gateware-mutants clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/qctl demo --out out/demo

# Much of the tests' time is waiting: three at once on two cores, whole labs after their parts.
test: .venv/tests
	$(BIN)/pytest -q -n 3 --dist loadfile -m "not full" --ignore=tests/whole
	$(BIN)/pytest -q -n 3 --dist loadfile -m "not full" tests/whole

# What takes long: tune-ups of further racks above all, and a wheel built from nothing.
test-full: test
	$(BIN)/pytest -q -n 3 --dist loadfile -m full tests

check: lint types kernels checked-kernels

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/lint
	@rm -rf build/root && mkdir -p build/root/qctl
	@for part in qctl/*; do ln -sf "$(CURDIR)/$$part" build/root/qctl/; done
	@for part in cext instruments firmware_io hil; do ln -sfn "$(CURDIR)/$$part" build/root/qctl/$$part; done
	$(BIN)/mypy -p qctl

kernels: .venv/tests
	$(BIN)/python tests/support/nogil.py

checked-kernels: .venv/tests
	QCTL_CYTHON_DEBUG=1 $(BIN)/python setup.py -q build_ext --build-lib build/checked --build-temp build/checked-temp
	$(BIN)/python tests/support/checked.py build/checked -q tests/cext

# Peers live in an environment of their own, without CI's pins, which some contradict; the page prints their versions
# and names those that can't be installed together as missing.
bench: .venv-bench/installed
	.venv-bench/bin/qctl bench --page docs/benchmarks.md

.venv-bench/installed: $(SOURCES)
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -q --upgrade pip
	.venv-bench/bin/pip install -q -c constraints.txt "setuptools>=77" Cython numpy
	.venv-bench/bin/pip install -q --no-build-isolation -e .
	.venv-bench/bin/pip install -q --group bench
	@touch $@

# Judges by vendors: Qblox's assembler, which runs on Debian 12 up to 1.1.1, and q1simulator, which would pull a newer one; Zurich Instruments'
# compiler with LabOne Q's simulator; QICK's assembler; Quantum Machines' QUA; Pulser. PAGE=docs/conformance.md writes the table anew.
conformance: .venv-conformance/installed
	.venv-conformance/bin/pytest -q tests/conformance $(if $(PAGE),--page $(PAGE))

# Qblox's own client against the emulated cluster, and its dummy server against the driver.
vendor-client: .venv-vendor-client/installed
	.venv-vendor-client/bin/pytest -q tests/vendor_client

# ARTIQ's own compiler and drivers take the experiments that are written for it. ARTIQ is in no package index: ARTIQ=… names a folder with
# checkouts of m-labs' artiq, pythonparser and sipyco; its linker and llvm's tools of version 14 come by apt (root or sudo).
ARTIQ_TOOLS := build/artiq-tools
artiq: .venv-artiq/installed
	test -d "$(ARTIQ)/artiq" || { echo "ARTIQ=… names no folder with a checkout of artiq" >&2; exit 2; }
	command -v ld.lld-14 llvm-strip-14 > /dev/null || $(SUDO) apt-get install -y --no-install-recommends lld-14 llvm-14
	mkdir -p $(ARTIQ_TOOLS)
	for tool in ld.lld llvm-strip llvm-symbolizer llvm-cxxfilt; do ln -sf /usr/bin/$$tool-14 $(ARTIQ_TOOLS)/$$tool; done
	PATH="$(CURDIR)/$(ARTIQ_TOOLS):$$PATH" VERSIONEER_OVERRIDE=9.0 PYTHONPATH="$(ARTIQ)/artiq:$(ARTIQ)/pythonparser:$(ARTIQ)/sipyco" \
		.venv-artiq/bin/pytest -q tests/artiq_host

.venv-artiq/installed: $(SOURCES)
	test -x .venv-artiq/bin/python || $(PYTHON) -m venv .venv-artiq
	.venv-artiq/bin/pip install -q --upgrade pip
	.venv-artiq/bin/pip install -q -c constraints.txt "setuptools>=77" Cython numpy
	.venv-artiq/bin/pip install -q --no-build-isolation -e . --group artiq
	@touch $@

# The same results on processors without AVX2, played by QEMU, which is installed by apt where it is missing (root or sudo).
processors: .venv/tests
	command -v qemu-x86_64 > /dev/null || $(SUDO) apt-get install -y --no-install-recommends qemu-user
	$(BIN)/pytest -q tests/processors

.venv-conformance/installed: $(SOURCES)
	test -x .venv-conformance/bin/python || $(PYTHON) -m venv .venv-conformance
	.venv-conformance/bin/pip install -q --upgrade pip
	.venv-conformance/bin/pip install -q -c constraints.txt "setuptools>=77" Cython numpy
	.venv-conformance/bin/pip install -q --no-build-isolation -e . --group conformance
	.venv-conformance/bin/pip install -q --no-deps "q1simulator==1.3.4"
	@touch $@

.venv-vendor-client/installed: $(SOURCES)
	test -x .venv-vendor-client/bin/python || $(PYTHON) -m venv .venv-vendor-client
	.venv-vendor-client/bin/pip install -q --upgrade pip
	.venv-vendor-client/bin/pip install -q -c constraints.txt "setuptools>=77" Cython numpy
	.venv-vendor-client/bin/pip install -q --no-build-isolation -e . --group vendor-client
	@touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip

.venv/installed: .venv/bin/python $(SOURCES)
	$(BIN)/pip install -q -c constraints.txt "setuptools>=77" Cython numpy
	$(BIN)/pip install -q --no-build-isolation -c constraints.txt -e .
	@touch $@

.venv/tests: .venv/installed
	$(BIN)/pip install -q -c constraints.txt --group test
	@touch $@

.venv/lint: .venv/tests
	$(BIN)/pip install -q -c constraints.txt --group lint
	@touch $@

# The reference firmware; its tools (cross compiler, emulator) come by apt, as root or with sudo.
firmware:
	$(MAKE) -C firmware_io/reference tools host target

firmware-test: .venv/tests firmware
	$(BIN)/pytest -q tests/emulated
	$(MAKE) -C firmware_io/reference sanitize fuzz

# The firmware with a core in Verilog for its sequencer; its tools (Verilator, a second simulator, synthesis) come by apt.
gateware:
	$(MAKE) -C firmware_io/reference gateware-tools gateware

gateware-test: .venv/tests gateware
	$(MAKE) -C firmware_io/reference host gateware-mutants gateware-parts gateware-lint
	$(BIN)/pytest -q tests/gateware

# Every change of tests/gateware/mutants.toml, each a core of its own.
gateware-mutants: .venv/tests gateware
	$(BIN)/python tests/gateware/mutations.py

clean:
	rm -rf .venv .venv-artiq .venv-bench .venv-conformance .venv-vendor-client build out

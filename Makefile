# One command from a fresh machine to each result. Needs Python 3.11 to 3.13, a C++17 compiler and make.
# Stamp files in .venv/ remember what is done, so a second run starts at once; build/ keeps the objects,
# so that a changed .cc file alone is compiled again.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PRECIOUS: .venv-tensorflow-%/requirements.stamp
.PHONY: help install demo test lint ctest pytest hosts test-tensorflow wheel sanitize fuzz aarch64 bench docs format clean

# The first Python with venv that TensorFlow has wheels for; `make PYTHON=… demo` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  2>/dev/null && echo $$p && break; done)
CXX_FILES = $(wildcard $(foreach d,custom_ops/* custom_ops/*/*,$(d)/*.cc $(d)/*.h $(d)/*.inc))
PY_FILES = $(wildcard keras_pooling/*.py keras_pooling/*/*.py keras_pooling/*/*/*.py)
BIN := .venv/bin
comma := ,
OUTPUT_DIR ?= demo_output
# A worker that has nothing left takes tests from the other: the longest come last.
PYTEST_ARGS ?= -n 2 --dist worksteal
# What another TensorFlow, or another Keras, could change. The environment has no other backend.
TENSORFLOW_TESTS ?= tests/test_packaging.py tests/test_library.py tests/layers tests/implementations \
  $(foreach name,forward fractional gradients graphs stochastic,tests/ops/test_$(name).py) -k 'faults or wrong or not (jax or torch)'
FUZZ_CALLS ?= 1000000
FUZZ_FIRST ?= 1

help:
	@echo 'make TARGET, where TARGET is one of'
	@echo '  demo    train the documented model on real digits and show the result'
	@echo '  test    formatters, linters, C++ tests, Python tests, documentation: what .ci/run calls'
	@echo '  hosts   the part of it that runs on JAX and PyTorch, where TensorFlow is not installed'
	@echo '  test-tensorflow  the part of it that runs on TensorFlow, against another one: VERSION=2.20.0'
	@echo '  wheel   a manylinux wheel in wheelhouse/, tried where no compiler is'
	@echo '  bench   peers side by side: table, plot, JSON; quick with ROWS=vgg1,resnet PEERS=tf,litert;'
	@echo '          random shapes of published networks with SHAPES=200'
	@echo '  sanitize  C++ tests under AddressSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer'
	@echo '  fuzz    random calls of the C entry, FUZZ_CALLS=1000000 of them, under sanitizers'
	@echo '  aarch64 C++ tests cross-compiled and run in QEMU, their bits compared with this machine'
	@echo '  docs    the documentation site, in site/: API, semantics, guides; every warning is an error'
	@echo '  format  format the Python and C++ sources'
	@echo '  clean   remove .venv*/, build/, site/, wheelhouse/ and all that was made'

# Prints what a target needs, of pyproject.toml: "run" to compile, run and show examples, "tensorflow==…" to compile and
# test against that one, else a dependency group.
define LIST_REQUIREMENTS
import sys, tomllib
asked = sys.argv[1]
table = tomllib.load(open("pyproject.toml", "rb"))
project, build = table["project"], table["build-system"]["requires"]
extras = project["optional-dependencies"]
def group(name):
    for line in table["dependency-groups"][name]:
        yield from [line] if isinstance(line, str) else group(line["include-group"])
if asked == "run":
    lines = build + [*group("build")] + project["dependencies"] + extras["tensorflow"] + extras["examples"]
elif asked.startswith("tensorflow=="): # which brings the Keras that goes with it
    lines = [line for line in build if "tensorflow" not in line] + [asked, *group("build"), *group("pytest")]
else:
    lines = group(asked)
print(*lines, sep="\n")
endef
export LIST_REQUIREMENTS
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check
PIP_WHEEL = $(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation \
  --config-settings=build-dir=build

.venv/python.stamp:
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 to 3.13 with venv found. On Debian or Ubuntu:' \
	  'sudo apt-get install python3-venv. Or name one: make PYTHON=/path/to/python3'; exit 1; }
	@command -v $(CXX) >/dev/null || { echo 'No C++ compiler found. On Debian or Ubuntu:' \
	  'sudo apt-get install g++. Or name one: make CXX=clang++'; exit 1; }
	@echo "==> 1/3 Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv
	@touch $@

# Installed first, with pip's progress; our own compilation then needs no isolation.
.venv/run.stamp: .venv/python.stamp pyproject.toml
	@echo '==> 2/3 Installing TensorFlow, Keras and what the examples draw with into .venv (several hundred MB the first time)'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" run > .venv/run.txt
	@$(PIP_INSTALL) -r .venv/run.txt
	@touch $@

# mypy reads the types of NumPy, which comes with what runs.
.venv/lint.stamp: .venv/run.stamp
	@echo '==> Installing formatters, linters and the type checker into .venv'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" lint > .venv/lint.txt
	@$(PIP_INSTALL) -r .venv/lint.txt
	@touch $@

.venv/test.stamp: .venv/run.stamp
	@echo '==> Installing pytest, JAX and PyTorch to test every layer on these Keras backends too, and the runtimes of'
	@echo '    exported models (ONNX Runtime, OpenVINO, LiteRT), into .venv.'
	@echo '    On PyPI PyTorch for Linux brings CUDA, some GB; PIP_EXTRA_INDEX_URL may name an index that has it for CPUs.'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" test > .venv/test.txt
	@$(PIP_INSTALL) -r .venv/test.txt
	@touch $@

# Editable: Python files are used where they stand, the compiled library goes to .venv.
.venv/install.stamp: .venv/run.stamp $(CXX_FILES) $(wildcard custom_ops/*.*)
	@echo '==> 3/3 Compiling the ops and installing keras_pooling into .venv'
	@CXX='$(CXX)' $(PIP_INSTALL) --verbose --no-deps --no-build-isolation \
	  --config-settings=build-dir=build --editable .
	@touch $@

install: .venv/install.stamp

demo: install
	@$(BIN)/python examples/max_pooling_in_cnn.py --output-dir $(OUTPUT_DIR)

test: lint ctest pytest hosts docs
	@echo '==> All checks passed'

lint: .venv/lint.stamp
	@echo '==> ruff, mypy and clang-format'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/clang-format --dry-run --Werror $(filter %.cc %.h,$(CXX_FILES))

ctest: install
	@echo '==> C++ tests'
	@$(BIN)/cmake -S custom_ops -B build -DKERAS_POOLING_TESTS=ON >/dev/null
	@$(BIN)/cmake --build build
	@$(BIN)/ctest --test-dir build --no-tests=error --output-on-failure

pytest: install .venv/test.stamp
	@echo '==> Python tests'
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

# The wheel where TensorFlow is not installed. JAX and PyTorch are in pip's cache by then.
.venv-hosts/requirements.stamp: .venv/test.stamp
	@echo '==> Installing Keras, JAX and PyTorch, without TensorFlow, into .venv-hosts'
	@$(PYTHON) -m venv .venv-hosts
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" hosts > .venv-hosts/requirements.txt
	@.venv-hosts/bin/python -m pip install --disable-pip-version-check -r .venv-hosts/requirements.txt
	@touch $@

.venv-hosts/install.stamp: .venv-hosts/requirements.stamp .venv/install.stamp $(PY_FILES)
	@echo '==> Making the wheel and installing it into .venv-hosts'
	@rm -rf .venv-hosts/wheel
	@CXX='$(CXX)' $(PIP_WHEEL) --wheel-dir .venv-hosts/wheel .
	@.venv-hosts/bin/python -m pip install --disable-pip-version-check --no-deps --force-reinstall .venv-hosts/wheel/*.whl
	@touch $@

hosts: .venv-hosts/install.stamp
	@for backend in jax torch; do \
	  echo "==> Keras on $$backend: compiled, then portable" && \
	  KERAS_BACKEND=$$backend KERAS_POOLING_REQUIRE_COMPILED=1 \
	    .venv-hosts/bin/pytest $(PYTEST_ARGS) tests/backends tests/on_$$backend && \
	  KERAS_BACKEND=$$backend KERAS_POOLING_PORTABLE=1 \
	    .venv-hosts/bin/pytest $(PYTEST_ARGS) tests/backends || exit 1; \
	done

# Of its own, and a build too: both are for one TensorFlow.
.venv-tensorflow-%/requirements.stamp: .venv/run.stamp
	@echo '==> Installing TensorFlow $*, and pytest, into .venv-tensorflow-$*'
	@$(PYTHON) -m venv .venv-tensorflow-$*
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" tensorflow==$* > .venv-tensorflow-$*/requirements.txt
	@.venv-tensorflow-$*/bin/python -m pip install --disable-pip-version-check -r .venv-tensorflow-$*/requirements.txt
	@touch $@

# The TensorFlow of .venv has headers of Highway, for one that ships none.
.venv-tensorflow-%/install.stamp: .venv-tensorflow-%/requirements.stamp $(CXX_FILES) $(wildcard custom_ops/*.*) $(PY_FILES)
	@echo '==> Compiling the ops against TensorFlow $* and installing keras_pooling into .venv-tensorflow-$*'
	@highway=$$($(BIN)/python custom_ops/find_tensorflow.py) && CXX='$(CXX)' .venv-tensorflow-$*/bin/python -m pip install \
	  --disable-pip-version-check --verbose --no-deps --no-build-isolation --force-reinstall \
	  --config-settings=build-dir=build/tensorflow-$* --config-settings="cmake.define.KERAS_POOLING_HIGHWAY=$${highway%;*}" .
	@touch $@

.venv-tensorflow-/install.stamp:
	@echo 'Which TensorFlow? Say, for one: make test-tensorflow VERSION=2.20.0'; exit 1

test-tensorflow: .venv-tensorflow-$(VERSION)/install.stamp
	@echo '==> Python tests on TensorFlow $(VERSION)'
	@KERAS_POOLING_REQUIRE_COMPILED=1 .venv-tensorflow-$(VERSION)/bin/pytest $(PYTEST_ARGS) $(TENSORFLOW_TESTS)

# What a wheel must do where it is installed: run compiled, in a jit as well.
define TRY_WHEEL
import keras, numpy, keras_pooling as kp
info = kp.build_info()
assert info["compiled"], info
model = keras.Sequential([keras.Input((4, 4, 1)), kp.MaxPooling2D(2)])
model.compile(jit_compile=True)
y = model.predict(numpy.arange(16, dtype="float32").reshape(1, 4, 4, 1), verbose=0)
assert y.ravel().tolist() == [5, 7, 13, 15], y
print("   ", keras.config.backend(), info)
endef
export TRY_WHEEL

.venv/wheel.stamp: .venv/run.stamp
	@echo '==> Installing auditwheel and twine into .venv'
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" wheel > .venv/wheel.txt
	@$(PIP_INSTALL) -r .venv/wheel.txt
	@touch $@

# All files of it have the date of the commit. TensorFlow's libraries are in the process before its adapters are.
wheel: .venv/wheel.stamp
	@echo '==> 1/3 Making the wheel'
	@rm -rf dist wheelhouse .venv-wheel
	@export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || date +%s) && \
	  CXX='$(CXX)' $(PIP_WHEEL) --wheel-dir dist . && \
	  echo '==> 2/3 Giving it the tag of the systems that it serves' && \
	  PATH='$(abspath $(BIN))':"$$PATH" auditwheel repair --exclude 'libtensorflow_*.so.2' --wheel-dir wheelhouse dist/*.whl
	@$(BIN)/twine check --strict wheelhouse/*.whl
	@echo '==> 3/3 Trying it in .venv-wheel, without a compiler: on JAX, then on TensorFlow'
	@$(PYTHON) -m venv .venv-wheel
	@cd .venv-wheel && export PATH="$$PWD/bin" TF_CPP_MIN_LOG_LEVEL=3 KERAS_POOLING_REQUIRE_COMPILED=1 && \
	  for host in jax tensorflow; do \
	    python -m pip install --disable-pip-version-check "$$(echo ../wheelhouse/*.whl)[$$host]" && \
	    KERAS_BACKEND=$$host python -c "$$TRY_WHEEL" || exit 1; \
	  done
	@echo "    $$(echo wheelhouse/*.whl)"

# A build of the core's tests alone, in a folder of its own under build/: $(call core_tests,folder,options,target).
define core_tests
@$(BIN)/cmake -S custom_ops -B build/$(1) -G Ninja -DCMAKE_MAKE_PROGRAM='$(abspath $(BIN))/ninja' \
  -DPython_EXECUTABLE='$(abspath $(BIN))/python' -DKERAS_POOLING_TENSORFLOW=OFF -DKERAS_POOLING_TESTS=ON $(2) >/dev/null
@$(BIN)/cmake --build build/$(1) --target $(3)
endef

# ThreadSanitizer knows no threads that start after a fork, so fork_test is not for it.
sanitize: .venv/run.stamp
	@echo '==> C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	$(call core_tests,sanitize,-DCMAKE_CXX_COMPILER='$(CXX)' -DKERAS_POOLING_TARGETS=baseline -DKERAS_POOLING_SANITIZE=address$(comma)undefined,core_tests)
	@$(BIN)/ctest --test-dir build/sanitize --no-tests=error --output-on-failure
	@echo '==> Threads under ThreadSanitizer'
	$(call core_tests,sanitize-threads,-DCMAKE_CXX_COMPILER='$(CXX)' -DKERAS_POOLING_TARGETS=baseline -DKERAS_POOLING_SANITIZE=thread,threads_test)
	@$(BIN)/ctest --test-dir build/sanitize-threads --no-tests=error --output-on-failure -R '^threads_test$$'

fuzz: .venv/run.stamp
ifneq ($(shell command -v clang++),)
	@echo '==> libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer: $(FUZZ_CALLS) calls'
	$(call core_tests,fuzz,-DCMAKE_CXX_COMPILER=clang++ -DKERAS_POOLING_TARGETS=baseline \
	  -DKERAS_POOLING_SANITIZE=address$(comma)undefined$(comma)fuzzer-no-link,door_fuzz)
	@mkdir -p build/fuzz/corpus
	@build/fuzz/door_fuzz -runs=$(FUZZ_CALLS) -max_len=192 -print_final_stats=1 build/fuzz/corpus
else
	@echo '==> Random calls (no clang++ for libFuzzer) under AddressSanitizer and UndefinedBehaviorSanitizer: $(FUZZ_CALLS)'
	$(call core_tests,sanitize,-DCMAKE_CXX_COMPILER='$(CXX)' -DKERAS_POOLING_TARGETS=baseline -DKERAS_POOLING_SANITIZE=address$(comma)undefined,door_fuzz)
	@build/sanitize/door_fuzz $(FUZZ_CALLS) $(FUZZ_FIRST)
endif

# QEMU's user mode ends children that start threads after a fork, so fork_test is not for it.
aarch64: install
	@{ command -v aarch64-linux-gnu-g++ && command -v qemu-aarch64; } >/dev/null || { echo 'No compiler for aarch64,' \
	  'or no QEMU. On Debian or Ubuntu: sudo apt-get install g++-aarch64-linux-gnu qemu-user'; exit 1; }
	@echo '==> C++ tests on aarch64, in QEMU'
	$(call core_tests,aarch64,-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake,core_tests)
	@$(BIN)/ctest --test-dir build/aarch64 --no-tests=error --output-on-failure -E '^fork_test$$'
	@echo '==> The same bits as on this machine'
	@$(BIN)/cmake -S custom_ops -B build -DKERAS_POOLING_TESTS=ON >/dev/null
	@$(BIN)/cmake --build build --target digest_test
	@build/digest_test > build/digests.txt
	@qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/digest_test > build/aarch64/digests.txt
	@diff build/digests.txt build/aarch64/digests.txt
	@echo "$$(wc -l < build/digests.txt) digests are the same"

# These peers have an environment of their own: the package needs nothing of theirs. Random shapes are measured
# without them, against TensorFlow and the runtimes that the tests have installed.
.venv-bench/requirements.stamp: .venv/python.stamp benchmarks/requirements.txt
	@echo '==> Installing the peers into .venv-bench (several hundred MB the first time)'
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

bench: install .venv/test.stamp $(if $(SHAPES),,.venv-bench/requirements.stamp)
	@$(BIN)/python benchmarks/run.py --rows '$(ROWS)' --peers '$(PEERS)' $(if $(SHAPES),--shapes '$(SHAPES)') \
	  $(if $(BASELINE),--baseline '$(BASELINE)') $(BENCH_ARGS)

# Of its own: the site is made of the sources, and needs no framework.
.venv-docs/requirements.stamp: .venv/python.stamp pyproject.toml
	@echo '==> Installing MkDocs and its theme into .venv-docs'
	@$(PYTHON) -m venv .venv-docs
	@$(BIN)/python -c "$$LIST_REQUIREMENTS" docs > .venv-docs/requirements.txt
	@.venv-docs/bin/python -m pip install --disable-pip-version-check -r .venv-docs/requirements.txt
	@touch $@

docs: .venv-docs/requirements.stamp
	@echo '==> Documentation site'
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	@echo '    site/index.html'

format: .venv/lint.stamp
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .
	@$(BIN)/clang-format -i $(filter %.cc %.h,$(CXX_FILES))

clean:
	rm -rf .venv .venv-bench .venv-docs .venv-hosts .venv-tensorflow-* .venv-wheel build demo_output dist site wheelhouse
	find . -name __pycache__ -prune -exec rm -rf {} +

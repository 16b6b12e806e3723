# `make` lists the targets. `make serve` and `make test` need nothing but Swift 6.1 or later on Debian 12.

SWIFT ?= swift
# More options for the program: make serve ARGS="--host 0.0.0.0 --port 9000"
ARGS ?=
IMAGE ?= excite

EXCITE = .build/release/excite
# Tests run optimised: kernels at -O0 are a hundred times slower. A folder apart from the program's: neither build undoes the other.
TEST_BUILD ?= .build-test
# What pkg-config calls a library, and the Debian package that has it. Any libcurl will do; its packages exclude each other.
LIBRARIES = libmicrohttpd:libmicrohttpd-dev gnutls:libgnutls28-dev libcurl:libcurl4-gnutls-dev openblas:libopenblas-dev libjpeg:libjpeg62-turbo-dev libpng:libpng-dev libwebpdemux:libwebp-dev zlib:zlib1g-dev

.DEFAULT_GOAL = help
.PHONY: help deps build serve test test-address test-thread fuzz bench lint image clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1#\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'#' '{ printf "%-20s %s\n", $$1, $$2 }'

deps: ## install the system libraries that are missing
	@install() { \
	    if ! command -v apt-get >/dev/null; then \
	        echo "Missing, by Debian's names:$$*. There is no apt-get here: install them with this system's package manager." >&2; exit 1; \
	    fi; \
	    as_root=; \
	    if [ "$$(id -u)" != 0 ]; then \
	        if ! command -v sudo >/dev/null; then \
	            echo "Missing:$$*. Neither root nor sudo here: have them installed with: apt-get install$$*" >&2; exit 1; \
	        fi; \
	        as_root=sudo; \
	    fi; \
	    echo "Installing$$( [ -z "$$as_root" ] || echo ' with sudo' ):$$*"; \
	    $$as_root apt-get update -q && \
	    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$* || exit 1; \
	}; \
	command -v pkg-config >/dev/null || install ' pkg-config'; \
	missing=; \
	for library in $(LIBRARIES); do \
	    pkg-config --exists "$${library%%:*}" 2>/dev/null || missing="$$missing $${library##*:}"; \
	done; \
	[ -z "$$missing" ] || install "$$missing"

build: deps ## build the program: .build/release/excite
	$(SWIFT) build -c release --product excite

serve: build ## build, and serve the embedded model on port 8080
	$(EXCITE) serve $(ARGS)

# $(1): the build folder, $(2): more flags
define run-tests
	EXCITE_TESTING=1 $(SWIFT) build --build-tests -c release --scratch-path $(1) $(2)
	EXCITE_TESTING=1 LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/lsan.supp:print_suppressions=0 $(SWIFT) test --skip-build -c release --scratch-path $(1) $(2)
endef

test: deps ## build, and run every test
	$(call run-tests,$(TEST_BUILD))

test-address: deps ## run every test under the address sanitizer
	$(call run-tests,.build-address,--sanitize=address)

# The sanitizer cannot see into the standard library's Mutex: the flag puts one in its place that it understands.
test-thread: deps ## run every test under the thread sanitizer
	$(call run-tests,.build-thread,--sanitize=thread -Xswiftc -DTHREAD_SANITIZER)

# One executable for all targets, compiled anew with coverage and sanitizers in every module, in a folder of its own.
FUZZ_TARGETS ?= jpeg png webp multipart head json tensors inference tensorflow huggingface safetensors config caffe pytorch
FUZZ_SECONDS ?= 60
FUZZ_FLAGS = -c release -Xswiftc -sanitize=fuzzer,address \
    -Xcc -fsanitize=fuzzer-no-link,address,undefined -Xcc -fno-sanitize-recover=all -Xswiftc -use-ld=lld --scratch-path .build-fuzz

fuzz: deps ## fuzz every reader of foreign bytes, each for FUZZ_SECONDS; what it finds lies in .build-fuzz/findings
	EXCITE_FUZZ=1 EXCITE_TESTING=1 $(SWIFT) build $(FUZZ_FLAGS) --product fuzz
	@mkdir -p .build-fuzz/findings; \
	for target in $(FUZZ_TARGETS); do \
	    echo "== $$target, $(FUZZ_SECONDS) s"; \
	    corpus=.build-fuzz/corpus/$$target; mkdir -p $$corpus; \
	    case $$target in \
	        jpeg) seeds='Tests/ImagingTests/Fixtures/*.jpg' ;; png|webp) seeds="Tests/ImagingTests/Fixtures/*.$$target" ;; \
	        caffe) seeds='Tests/ModelImportTests/Fixtures/*.caffemodel' ;; \
	        *) seeds="Tests/Fuzz/Seeds/$$target/*" ;; \
	    esac; \
	    cp $$seeds $$corpus; \
	    words=Tests/Fuzz/Words/$$target; if [ -f $$words ]; then words=-dict=$$words; else words=; fi; \
	    LSAN_OPTIONS=suppressions=Tests/lsan.supp SWIFT_BACKTRACE=enable=no .build-fuzz/release/fuzz $$target -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=10 -rss_limit_mb=2048 $$words \
	        -print_final_stats=1 -verbosity=0 -artifact_prefix=.build-fuzz/findings/$$target- $$corpus || exit 1; \
	done

bench: build ## measure the engine alone, on the embedded model and on seresnet50
	$(EXCITE) bench $(ARGS)
	$(EXCITE) bench --model seresnet50 $(ARGS)
	$(EXCITE) bench --model seresnet50 --batch 8 $(ARGS)

lint: ## check the sources' format
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

# Podman's and buildah's own image format has no place for a health check: they are asked for Docker's.
image: ## build the container image, with docker, podman or buildah
	@for engine in docker podman buildah; do \
	    $$engine info >/dev/null 2>&1 || continue; \
	    [ $$engine = docker ] && format= || format='--format docker'; \
	    set -x; exec $$engine build $$format --tag $(IMAGE) .; \
	done; \
	echo "None of docker, podman and buildah works here." >&2; exit 1

clean: ## remove everything that was built
	rm -rf .build .build-test .build-address .build-thread .build-fuzz

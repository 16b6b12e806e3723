SWIFT ?= swift
TEST_FLAGS = -c release -Xswiftc -enable-testing
.PHONY: build test
build:
	$(SWIFT) build -c release
test:
	$(SWIFT) test $(TEST_FLAGS)

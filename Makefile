SWIFT ?= swift
.PHONY: build
build:
	$(SWIFT) build -c release

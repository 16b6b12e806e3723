// The part of libFuzzer's interface (compiler-rt, FuzzerInterface.h) that a program with a main of its own needs.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

// A file in memory (glibc, sys/mman.h); declared here because Swift's view of glibc leaves GNU's own functions out.
int memfd_create(const char *name, unsigned flags);

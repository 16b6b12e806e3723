// Counts the process's heap allocations: for tests that show that something makes none.
#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Whether allocations are counted in this build: sanitizers bring an allocator of their own.
bool allocation_counter_works(void);
/// Allocations and reallocations since the process began, by any thread.
uint64_t allocation_count(void);

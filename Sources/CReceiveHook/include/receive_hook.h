#pragma once

#include <sys/types.h>

/// Has every `recv` of the process without flags come to this function instead, which returns like that. For good: it is never taken
/// back. Any thread; the last call counts.
void receive_hook_install(ssize_t (*function)(int socket, void *buffer, size_t count));

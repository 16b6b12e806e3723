#include "receive_hook.h"

#include <stdatomic.h>
#include <sys/socket.h>

static ssize_t (*_Atomic installed)(int, void *, size_t);

void receive_hook_install(ssize_t (*function)(int, void *, size_t)) { atomic_store(&installed, function); }

/// Stands in for the C library's function of this name.
///
/// In C, because Swift gives its symbols protected visibility, and gold, which Swift links with on Linux, does not export such a one
/// from an executable for the libraries that refer to it.
__attribute__((visibility("default"))) ssize_t recv(int socket, void *buffer, size_t count, int flags) {
    ssize_t (*function)(int, void *, size_t) = atomic_load(&installed);
    return function && flags == 0 ? function(socket, buffer, count) : recvfrom(socket, buffer, count, flags, NULL, NULL);
}

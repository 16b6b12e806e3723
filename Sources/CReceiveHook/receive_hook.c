#define _GNU_SOURCE
#include "receive_hook.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/socket.h>

static ssize_t (*_Atomic installed)(int, void *, size_t);
static ssize_t (*_Atomic tls_installed)(void *, void *, size_t);

void receive_hook_install(ssize_t (*function)(int, void *, size_t)) { atomic_store(&installed, function); }
void tls_receive_hook_install(ssize_t (*function)(void *, void *, size_t)) { atomic_store(&tls_installed, function); }

/// Stands in for the C library's function of this name.
///
/// In C, because Swift gives its symbols protected visibility, and gold, which Swift links with on Linux, does not export such a one
/// from an executable for the libraries that refer to it.
__attribute__((visibility("default"))) ssize_t recv(int socket, void *buffer, size_t count, int flags) {
    ssize_t (*function)(int, void *, size_t) = atomic_load(&installed);
    return function && flags == 0 ? function(socket, buffer, count) : recvfrom(socket, buffer, count, flags, NULL, NULL);
}

ssize_t tls_receive(void *session, void *buffer, size_t count) {
    static ssize_t (*_Atomic real)(void *, void *, size_t);
    ssize_t (*function)(void *, void *, size_t) = atomic_load(&real);
    if (!function) {
        function = (ssize_t(*)(void *, void *, size_t))dlsym(RTLD_NEXT, "gnutls_record_recv");
        // GNUTLS_E_PULL_ERROR: only where the process has no GnuTLS, and then nobody calls this.
        if (!function) return -54;
        atomic_store(&real, function);
    }
    return function(session, buffer, count);
}

/// Stands in for GnuTLS's function of this name: the bytes that a TLS client sent, decrypted.
__attribute__((visibility("default"))) ssize_t gnutls_record_recv(void *session, void *buffer, size_t count) {
    ssize_t (*function)(void *, void *, size_t) = atomic_load(&tls_installed);
    return function ? function(session, buffer, count) : tls_receive(session, buffer, count);
}

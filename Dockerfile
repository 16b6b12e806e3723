# The program and the embedded model in one image, which runs as it is: docker run -p 8080:8080 excite
FROM debian:bookworm-slim AS openblas
RUN echo 'deb-src http://deb.debian.org/debian bookworm main' > /etc/apt/sources.list.d/source.list \
    && apt-get update -q && apt-get install -y -q --no-install-recommends dpkg-dev gcc libc6-dev
WORKDIR /openblas
# Debian's package is 46 MB: LAPACK, four types, the kernels of twenty processors. Of it a network needs one routine: built from the same source
# with that alone, it adds 1 MB to the program. One thread, callable from several; processors without AVX2 have the generic kernels.
RUN set -e; apt-get source -q openblas; cd openblas-*/; \
    if [ "$(uname -m)" = x86_64 ]; then processors='DYNAMIC_LIST=HASWELL SKYLAKEX'; fi; \
    set -- TARGET=GENERIC DYNAMIC_ARCH=1 ${processors:+"$processors"} BUILD_SINGLE=1 ONLY_CBLAS=1 NO_LAPACK=1 NO_LAPACKE=1 \
        NOFORTRAN=1 NO_SHARED=1 USE_THREAD=0 USE_LOCKING=1 NO_AFFINITY=1 NO_WARMUP=1 PREFIX=/usr/local; \
    make -j"$(nproc)" "$@" libs >/dev/null; make "$@" install >/dev/null

FROM swift:6.3-bookworm AS builder
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends \
        libcurl4-openssl-dev libjpeg62-turbo-dev libmicrohttpd-dev libpng-dev libwebp-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
WORKDIR /excite
COPY --from=openblas /usr/local/include /usr/local/include
COPY --from=openblas /usr/local/lib /usr/local/lib
# Without the tests' folders the package's description is not complete.
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
# LLVM's linker packs the places that are filled in at the start: 1.4 MB less.
RUN swift build -c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker -z -Xlinker pack-relative-relocs --product excite \
    && strip -o /usr/local/bin/excite .build/release/excite

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Excite" \
      org.opencontainers.image.description="Serves Squeeze-and-Excitation image classifiers over HTTP: a photograph in, five labels out" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends \
        ca-certificates libcurl4 libgnutls30 libjpeg62-turbo libmicrohttpd12 libpng16-16 libwebp7 libwebpdemux2 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY LICENSE /usr/local/share/doc/excite/LICENSE
# Where the program looks for them.
COPY models/catalogue.json /usr/local/share/excite/models/catalogue.json
COPY models/seresnet34-tiny-imagenet /usr/local/share/excite/models/seresnet34-tiny-imagenet
COPY --from=builder /usr/local/bin/excite /usr/local/bin/excite
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 65532:65532
# A container is reached from outside, and its log is read by programs. glibc would keep an arena for each of many threads.
ENV EXCITE_HOST=0.0.0.0 \
    EXCITE_LOG_FORMAT=json \
    MALLOC_ARENA_MAX=2
# The image is not made if a library is missing or the model is not where the program looks.
RUN ["/usr/local/bin/excite", "classify", "/usr/local/share/excite/models/seresnet34-tiny-imagenet/self-test.jpg"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/usr/local/bin/excite", "probe"]
ENTRYPOINT ["/usr/local/bin/excite"]
CMD ["serve"]

# plimsoll in an image of its own: one binary and the libraries that it is linked to, nothing else.
#
#   docker build -t plimsoll .
#   docker run --rm plimsoll probe
#
# In front of the daemon of this machine, for clients that use /tmp/plimsoll/docker.sock:
#
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v /tmp/plimsoll:/tmp/plimsoll \
#       plimsoll proxy --listen unix:///tmp/plimsoll/docker.sock --backend unix:///var/run/docker.sock
#
# plimsoll.toml, recordings and reports are looked for in /work: -v "$PWD:/work". It runs as root, as the sockets of daemons are root's.

# Any image with cargo, a C compiler and coreutils: a mirror's, say.
ARG RUST=rust:1.95-slim-bookworm

FROM ${RUST} AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --release
# The libraries where the loader looks for them, and a /tmp for sockets and for reports that wait.
RUN mkdir -p /image/usr/local/bin \
    && install -d -m 1777 /image/tmp \
    && cp target/release/plimsoll /image/usr/local/bin \
    && cp --parents -L $(ldd target/release/plimsoll | grep -o '/[^ ]*') /image

FROM scratch
COPY --from=build /image /
WORKDIR /work
ENV PATH=/usr/local/bin
ENTRYPOINT ["plimsoll"]
CMD ["--help"]

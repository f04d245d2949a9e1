# syntax=docker/dockerfile:1
# Small and without a shell: the program, curl for health checks, certificates. Runs as user 1000.
#   docker build -t mcp-proxy-server .

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin mcp-proxy
RUN sh deploy/root.sh target/release/mcp-proxy /image && mv /image/home /home-of-user

FROM scratch
COPY --from=build /image/ /
# /data holds what is remembered: lists of servers, generated tokens. /tmp is for servers started in here.
COPY --from=build --chown=1000:1000 /home-of-user/ /
# 1000 is the first user of most machines: mounted credentials that only they may read can be read in here.
USER 1000:1000
WORKDIR /app
ENV HOME=/data PATH=/usr/bin MCP_CONFIG_PATH=/app/config.json
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 CMD ["mcp-proxy", "health"]
ENTRYPOINT ["/usr/bin/tini", "--", "mcp-proxy"]
CMD ["serve", "--http"]

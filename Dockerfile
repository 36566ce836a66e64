# The images: `docker build --target api` (or worker, or cli: each its program alone; or runtime: all
# three). Programs that cargo has built already are taken from a folder instead of the first stage:
#   docker build --build-context build=target/release --target runtime .
# so this stage leaves them where they lie in such a folder, at the top.
FROM rust:1.95.0-bookworm AS build
ARG PROFILE=dist
# What the programs say of themselves with --version.
ARG REVISION=unknown
WORKDIR /src
COPY . .
# The caches are the builder's: a change recompiles what a change at home would, dependencies not.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    GIT_REVISION="$REVISION" cargo build --locked --profile "$PROFILE" --workspace --exclude scheduler-e2e --bins \
 && cp "target/$PROFILE/scheduler-api" "target/$PROFILE/scheduler-worker" "target/$PROFILE/tsctl" /

FROM debian:bookworm-slim AS base
# For the outgoing TLS of databases, traces and jobs that call other services.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="task-scheduler" \
      org.opencontainers.image.description="Distributed job scheduler: gRPC, CockroachDB, Redis" \
      org.opencontainers.image.source="https://github.com/task-scheduler/task-scheduler" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# A number, because Kubernetes cannot tell whether a name is root.
USER 65532:65532

FROM base AS api
COPY --from=build --chmod=755 /scheduler-api /usr/local/bin/
# gRPC; metrics and health.
EXPOSE 8081 2112
ENTRYPOINT ["scheduler-api"]

FROM base AS worker
COPY --from=build --chmod=755 /scheduler-worker /usr/local/bin/
# Metrics and health.
EXPOSE 2113
ENTRYPOINT ["scheduler-worker"]

FROM base AS cli
COPY --from=build --chmod=755 /tsctl /usr/local/bin/
ENTRYPOINT ["tsctl"]

# Last, so that it is what a build without --target makes: name the program as the command.
FROM base AS runtime
COPY --from=build --chmod=755 /scheduler-api /scheduler-worker /tsctl /usr/local/bin/
EXPOSE 8081 2112 2113
CMD ["tsctl", "--help"]

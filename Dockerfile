# The base images are pinned by the digest of their index, for every platform; the tag beside it says to Dependabot what to
# follow. No line names a frontend: BuildKit's own is enough, and nothing is fetched by a tag alone.

# The bundle is the same on every platform, so it is built once, on the builder's own.
FROM --platform=$BUILDPLATFORM node:24-trixie-slim@sha256:173f125896c3b47ddf056734c7ea789d04595a6a08769a8f78e0df642781fb66 AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

# Of Node 24 only the images on Debian 13 are still published; those on Debian 12 stand still.
FROM gcr.io/distroless/nodejs24-debian13:nonroot@sha256:9eeb7f5887d0e239e78264b06f7f11d2e14be534050481803a9e4728fcdd278e
LABEL org.opencontainers.image.title="sidecar-drain-operator" \
      org.opencontainers.image.description="Makes in-flight requests survive pod termination in an Istio mesh" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
# package.json says that the bundle is an ES module.
COPY LICENSE package.json ./
COPY --from=build /src/dist ./dist
# As scripts/image/environment.ts says, and why.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=1 \
    NODE_OPTIONS=--max-semi-space-size=2
USER 65532:65532
EXPOSE 8080 8081 9443
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
CMD ["controller"]

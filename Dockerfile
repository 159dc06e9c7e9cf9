# syntax=docker/dockerfile:1
#
# The base images are named by tag here. A release is built from their digests (.github/workflows/release.yaml); to pin them
# yourself: docker buildx build --build-arg RUN_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot@sha256:... .
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUN_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# The bundle is the same on every platform, so it is built once, on the builder's own.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

FROM ${RUN_IMAGE}
LABEL org.opencontainers.image.title="sidecar-drain-operator" \
      org.opencontainers.image.description="Makes in-flight requests survive pod termination in an Istio mesh" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
# package.json says that the bundle is an ES module.
COPY LICENSE package.json ./
COPY --from=build /src/dist ./dist
ENV NODE_ENV=production
USER 65532:65532
EXPOSE 8080 8081 9443
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
CMD ["controller"]

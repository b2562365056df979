FROM node:26-trixie-slim AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM manifest AS build
RUN npm ci
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY prisma prisma
COPY src src
RUN npm run build

FROM manifest AS dependencies
# Optional too: that is how npm files a development dependency which a production one has as an optional peer, such
# as the Prisma command line and TypeScript.
RUN npm ci --omit=dev --omit=optional
# Half of the rest: the query compilers of databases that are not PostgreSQL, type declarations and source maps.
RUN find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name '*.postgresql.*' -delete \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM node:26-trixie-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY prisma/migrations prisma/migrations
COPY --from=build /app/dist dist
# The user "node", who owns none of the files above; as a number, because Kubernetes' runAsNonRoot trusts no name.
USER 1000:1000
EXPOSE 3000
# Live, not ready: orchestrators replace an unhealthy container, and that mends no database. Listening at all takes a
# database, hence the long start.
HEALTHCHECK --interval=10s --timeout=3s --start-period=45s --retries=3 CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself, not npm or a shell, so that SIGTERM reaches it and requests in flight are answered. Of its memory most would
# be garbage that it sees no reason to collect yet: it collects sooner, at no cost that can be measured. That is no limit:
# Node takes that from the container's memory.
CMD ["node", "--max-semi-space-size=16", "--heap-growing-percent=50", "dist/main.js"]

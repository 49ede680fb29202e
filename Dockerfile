# The daemon and workerctl on Node alone: no shell, no curl and no npm is needed to run them. docs/guide/deployment.md has the commands.
# Node's version is that of .node-version. For production, put the digest behind the tag: NODE_IMAGE=node:...@sha256:...
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package that runs in production has an install script; the compiled codecs come as packages of their own.
RUN ["npm", "ci", "--omit=dev", "--ignore-scripts"]

FROM ${NODE_IMAGE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kafka-worker" \
      org.opencontainers.image.description="The event side of a referral and waitlist platform: mails, leaderboards, rewards." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
# Readable by everybody and writable by nobody, whatever umask the clone was made under.
COPY --chmod=0555 package.json LICENSE ./
COPY --chmod=0555 cmd/kafka-worker ./cmd/kafka-worker
COPY --chmod=0555 cmd/workerctl ./cmd/workerctl
COPY --chmod=0555 config/*.ts ./config/
COPY --chmod=0555 src ./src
# By number, so that runAsNonRoot can be checked without the image's /etc/passwd.
USER 10001:10001
EXPOSE 9090
STOPSIGNAL SIGTERM
# Liveness, not readiness: a failed check restarts the container, and no restart brings a database back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 CMD ["node", "cmd/kafka-worker/main.js", "healthcheck", "--live"]
# The command of `npm start`. Node is process 1 and receives the signals itself.
ENTRYPOINT ["node", "--expose-gc", "--max-semi-space-size=12", "--heap-growing-percent=200", "--max-old-space-size=512", "cmd/kafka-worker/main.js"]

-- CreateTable
-- A page keeps a fifth free, so that a refresh finds room beside the row it replaces: a heap-only (HOT) update.
CREATE TABLE "sessions" (
    "id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "scope" TEXT,
    "audience" TEXT[],
    "claims" JSONB NOT NULL DEFAULT '{}',
    "device" TEXT,
    "amr" TEXT[],
    "acr" TEXT,
    "auth_time" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "idle_expires_at" TIMESTAMPTZ(3) NOT NULL,
    "idle_ttl" INTEGER NOT NULL,
    "access_token_ttl" INTEGER NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "rotated_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "revoked_by" TEXT,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 80);

-- CreateTable
CREATE TABLE "signing_keys" (
    "kid" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "public_jwk" JSONB NOT NULL,
    "sealed_key" BYTEA NOT NULL,
    "sealed_by" INTEGER NOT NULL,
    "activates_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "signing_keys_pkey" PRIMARY KEY ("kid")
);

-- CreateIndex
CREATE INDEX "sessions_subject_created_at_id_idx" ON "sessions"("subject", "created_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "signing_keys_ordinal_key" ON "signing_keys"("ordinal");

-- AlterTable
ALTER TABLE "sessions" ADD COLUMN "client_bound" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "dpop_jkt" TEXT,
ADD COLUMN "extras" JSONB NOT NULL DEFAULT '{}';

-- CreateTable
CREATE TABLE "clients" (
    "id" TEXT NOT NULL,
    "name" TEXT,
    "auth_method" TEXT NOT NULL,
    "secret_hash" BYTEA,
    "jwks" JSONB,
    "refresh_mode" TEXT NOT NULL,
    "dpop_required" BOOLEAN NOT NULL,
    "scope" TEXT,
    "access_token_ttl" INTEGER,
    "idle_ttl" INTEGER,
    "max_ttl" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "clients_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "used_jtis" (
    "id" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "used_jtis_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "used_jtis_expires_at_idx" ON "used_jtis"("expires_at");

-- CreateTable
-- Written by the import, and once more when a token is first used. Nothing else touches it, and it is empty where nobody
-- has moved in.
CREATE TABLE "legacy_tokens" (
    "lookup" BYTEA NOT NULL,
    "session_id" UUID NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "legacy_tokens_pkey" PRIMARY KEY ("lookup")
);

-- CreateIndex
CREATE INDEX "legacy_tokens_session_id_idx" ON "legacy_tokens"("session_id");

-- CreateTable
-- What ends more sessions than one statement can write: all of a key that were created at or before a time. It counts
-- from its commit on, and the rows of its sessions follow. A replica of the release before does not ask it, so while
-- the last of them runs, such a session may be refreshed there until its row has been written.
CREATE TABLE "bulk_revocations" (
    "id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "before" TIMESTAMPTZ(3) NOT NULL,
    "except" UUID,
    "revoked_by" TEXT NOT NULL,
    "marked" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "bulk_revocations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "bulk_revocations_key_idx" ON "bulk_revocations"("key");

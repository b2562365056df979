-- AlterTable
-- Null where an older release ended them.
ALTER TABLE "bulk_revocations" ADD COLUMN     "event" JSONB;

-- CreateTable
-- What happened to sessions. Rows are added with the change that they tell of, and deleted some time after the row of their session.
CREATE TABLE "session_events" (
    "id" BIGSERIAL NOT NULL,
    "session_id" UUID NOT NULL,
    "subject" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "detail" JSONB NOT NULL,
    "gone_at" TIMESTAMPTZ(3),

    CONSTRAINT "session_events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "session_events_session_id_id_idx" ON "session_events"("session_id", "id");

-- CreateIndex
CREATE INDEX "session_events_subject_id_idx" ON "session_events"("subject", "id");

-- CreateIndex
CREATE INDEX "session_events_gone_at_idx" ON "session_events"("gone_at") WHERE (gone_at IS NOT NULL);

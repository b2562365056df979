-- AlterTable
-- When it was decided, where that is not the time until which it ends sessions, and how far their rows are marked. A
-- replica of the release before does not know the keys of everybody and of a client id, and would forget them: use them
-- when the last of them is gone.
ALTER TABLE "bulk_revocations" ADD COLUMN "revoked_at" TIMESTAMPTZ(3),
ADD COLUMN "reached_created_at" TIMESTAMPTZ(3),
ADD COLUMN "reached_id" UUID;

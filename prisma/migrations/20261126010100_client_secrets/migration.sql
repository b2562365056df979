-- AlterTable
-- A release that does not know them goes on beside, and takes the newest secret of a client only: replace none meanwhile.
ALTER TABLE "clients" ADD COLUMN "previous_secret_hash" BYTEA,
ADD COLUMN "previous_secret_expires_at" TIMESTAMPTZ(3);

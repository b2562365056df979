-- CreateTable
-- A row for each token that is being redeemed, or was refused, and for an hour after that.
CREATE TABLE "legacy_redemptions" (
    "lookup" BYTEA NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "held_until" TIMESTAMPTZ(3) NOT NULL,
    "refused" BOOLEAN NOT NULL,

    CONSTRAINT "legacy_redemptions_pkey" PRIMARY KEY ("lookup")
);

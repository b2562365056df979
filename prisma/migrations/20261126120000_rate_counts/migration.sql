-- CreateTable
-- Unlogged: it is written at every request if RATE_LIMIT_STORE=postgresql, and after a crash or a failover counts may
-- start anew.
CREATE UNLOGGED TABLE "rate_counts" (
    "key" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "rate_counts_pkey" PRIMARY KEY ("key")
);

-- CreateTable
-- One row, which whoever cleans up locks for a moment: replicas take turns on one walk.
CREATE TABLE "session_walk" (
    "id" INTEGER NOT NULL,
    "place" UUID,
    "live" INTEGER NOT NULL DEFAULT 0,
    "unused" INTEGER NOT NULL DEFAULT 0,
    "last_live" INTEGER,
    "last_unused" INTEGER,
    "finished_at" TIMESTAMPTZ(3),
    "next_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "session_walk_pkey" PRIMARY KEY ("id")
);

INSERT INTO "session_walk" ("id", "next_at") VALUES (1, now());

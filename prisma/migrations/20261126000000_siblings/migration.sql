-- AlterTable
-- Null in every row without siblings: nothing is rewritten, and releases that do not know them may go on beside.
ALTER TABLE "sessions" ADD COLUMN "parent" INTEGER,
ADD COLUMN "floor" INTEGER,
ADD COLUMN "siblings_at" INTEGER,
ADD COLUMN "parent_disowned" BOOLEAN;

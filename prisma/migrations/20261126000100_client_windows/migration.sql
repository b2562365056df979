-- AlterTable
ALTER TABLE "clients" ADD COLUMN "rotation_grace" INTEGER,
ADD COLUMN "recovery_window" INTEGER;

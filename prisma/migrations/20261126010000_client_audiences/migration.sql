-- AlterTable
ALTER TABLE "clients" ADD COLUMN "audiences" TEXT[];

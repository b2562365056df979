-- CreateIndex
-- CONCURRENTLY, so that refreshes go on while it is built. That works outside of any transaction only, so it is alone
-- in its script. Should it fail, drop the index, which is then invalid, and the row of this migration in
-- "_prisma_migrations", and migrate again.
CREATE INDEX CONCURRENTLY "sessions_client_id_created_at_id_idx" ON "sessions"("client_id", "created_at", "id") WHERE client_bound;

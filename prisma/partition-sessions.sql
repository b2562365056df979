-- Makes `sessions` a table of 16 hash partitions of the same rows, for tables that have outgrown one: psql -1 -f <this file>.
-- Refreshes are told to come again while it runs, which is about as long as a copy of the table takes.
--
-- Whatever names a session names it by its id, and so meets one partition alone. Vacuum works at 16 smaller tables, beside one another.

LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE;

CREATE TABLE sessions_partitioned (LIKE sessions INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY HASH (id);

DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format(
      'CREATE TABLE sessions_%s PARTITION OF sessions_partitioned FOR VALUES WITH (MODULUS 16, REMAINDER %s) WITH (fillfactor = 80)',
      part, part);
  END LOOP;
END
$$;

INSERT INTO sessions_partitioned SELECT * FROM sessions;

DROP TABLE sessions;
ALTER TABLE sessions_partitioned RENAME TO sessions;

ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
CREATE INDEX sessions_subject_created_at_id_idx ON sessions (subject, created_at, id);
CREATE INDEX sessions_client_id_created_at_id_idx ON sessions (client_id, created_at, id) WHERE client_bound;

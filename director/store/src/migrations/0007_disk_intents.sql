-- Disks that a CPI has been, or is about to be, asked for, and of which no row tells yet.

CREATE TABLE disk_intents (
  cid TEXT PRIMARY KEY,
  cpi TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL,
  task_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

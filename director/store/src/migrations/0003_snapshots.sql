-- Snapshots of persistent disks, and of those that nobody needs any more.

CREATE TABLE snapshots (
  {id},
  persistent_disk_id BIGINT NOT NULL REFERENCES persistent_disks (id) ON DELETE CASCADE,
  snapshot_cid TEXT NOT NULL UNIQUE,
  clean BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE INDEX snapshots_disk ON snapshots (persistent_disk_id);
CREATE TABLE orphan_snapshots (
  {id},
  orphan_disk_id BIGINT NOT NULL REFERENCES orphan_disks (id) ON DELETE CASCADE,
  snapshot_cid TEXT NOT NULL UNIQUE,
  clean BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE INDEX orphan_snapshots_disk ON orphan_snapshots (orphan_disk_id);

-- Disks that requests make for jobs, outside of manifests.

CREATE TABLE dynamic_disks (
  {id},
  name TEXT NOT NULL UNIQUE,
  disk_cid TEXT NOT NULL UNIQUE,
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  vm_id BIGINT REFERENCES vms (id) ON DELETE SET NULL,
  availability_zone TEXT,
  size BIGINT NOT NULL,
  disk_pool_name TEXT NOT NULL,
  cpi TEXT NOT NULL DEFAULT '',
  metadata TEXT,
  disk_hint TEXT
);

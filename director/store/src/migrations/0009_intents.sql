-- Machines, stemcells and blobs are written down before they are asked for, as disks are; and which tasks agents
-- were given, so that whoever takes over can end them, or have what they made.

ALTER TABLE disk_intents RENAME TO intents;
ALTER TABLE intents ADD COLUMN kind TEXT NOT NULL DEFAULT 'disk';

CREATE TABLE agent_tasks (
  agent_id TEXT NOT NULL,
  agent_task_id TEXT NOT NULL,
  method TEXT NOT NULL,
  task_id BIGINT NOT NULL,
  PRIMARY KEY (agent_id, agent_task_id)
);

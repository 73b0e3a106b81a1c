-- Machines that wait to take another's place.

ALTER TABLE vms ADD COLUMN spare BIGINT NOT NULL DEFAULT 0;

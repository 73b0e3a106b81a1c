-- What was begun and must be known about until it is done: scripts that are to run after a deploy, stemcells
-- that are being deleted.

ALTER TABLE deployments ADD COLUMN post_deploy_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE stemcells ADD COLUMN going BIGINT NOT NULL DEFAULT 0;

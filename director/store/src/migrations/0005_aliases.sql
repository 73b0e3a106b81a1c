-- Aliases of links, as name servers read them; nobody wrote the table of before. A row without a
-- deployment only raises the version of all aliases.

DROP TABLE local_dns_aliases;

CREATE TABLE local_dns_aliases (
  {id},
  deployment_id BIGINT REFERENCES deployments (id) ON DELETE CASCADE,
  domain TEXT NOT NULL,
  group_id BIGINT,
  health_filter TEXT,
  initial_health_check TEXT,
  placeholder_type TEXT
);

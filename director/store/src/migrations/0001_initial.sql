-- Everything a director remembers. BIGINT and TEXT only; see docs/design/director.md.

CREATE TABLE director_attributes (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- What people uploaded: configs, releases, stemcells.

CREATE TABLE configs (
  {id},
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  team TEXT,
  created_at BIGINT NOT NULL,
  deleted BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX configs_type_name ON configs (type, name);

CREATE TABLE releases (
  {id},
  name TEXT NOT NULL UNIQUE
);
CREATE TABLE release_versions (
  {id},
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  version TEXT NOT NULL,
  commit_hash TEXT NOT NULL,
  uncommitted_changes BIGINT NOT NULL,
  update_completed BIGINT NOT NULL DEFAULT 0,
  UNIQUE (release_id, version)
);
CREATE TABLE packages (
  {id},
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  blobstore_id TEXT,
  sha1 TEXT,
  dependencies TEXT NOT NULL,
  UNIQUE (release_id, name, version)
);
CREATE INDEX packages_fingerprint ON packages (fingerprint);
CREATE TABLE packages_release_versions (
  package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  release_version_id BIGINT NOT NULL REFERENCES release_versions (id) ON DELETE CASCADE,
  PRIMARY KEY (package_id, release_version_id)
);
CREATE TABLE templates (
  {id},
  release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  blobstore_id TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  package_names TEXT NOT NULL,
  spec TEXT NOT NULL,
  UNIQUE (release_id, name, version)
);
CREATE TABLE release_versions_templates (
  template_id BIGINT NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
  release_version_id BIGINT NOT NULL REFERENCES release_versions (id) ON DELETE CASCADE,
  PRIMARY KEY (template_id, release_version_id)
);
CREATE TABLE compiled_packages (
  {id},
  package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  stemcell_os TEXT NOT NULL,
  stemcell_version TEXT NOT NULL,
  dependency_key TEXT NOT NULL,
  dependency_key_sha1 TEXT NOT NULL,
  build BIGINT NOT NULL,
  blobstore_id TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  UNIQUE (package_id, stemcell_os, stemcell_version, dependency_key_sha1),
  UNIQUE (package_id, stemcell_os, stemcell_version, build)
);

CREATE TABLE stemcells (
  {id},
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  operating_system TEXT NOT NULL,
  cid TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  cpi TEXT NOT NULL DEFAULT '',
  api_version BIGINT,
  UNIQUE (name, version, cpi)
);
CREATE TABLE stemcell_uploads (
  {id},
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  cpi TEXT NOT NULL DEFAULT '',
  UNIQUE (name, version, cpi)
);

-- What is wanted, and what there is.

CREATE TABLE deployments (
  {id},
  name TEXT NOT NULL UNIQUE,
  manifest TEXT,
  manifest_text TEXT,
  teams TEXT NOT NULL DEFAULT '[]',
  links_serial_id BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL
);
CREATE TABLE deployments_configs (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  config_id BIGINT NOT NULL REFERENCES configs (id),
  UNIQUE (deployment_id, config_id)
);
CREATE TABLE deployments_release_versions (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  release_version_id BIGINT NOT NULL REFERENCES release_versions (id),
  PRIMARY KEY (deployment_id, release_version_id)
);
CREATE TABLE deployments_stemcells (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  stemcell_id BIGINT NOT NULL REFERENCES stemcells (id),
  PRIMARY KEY (deployment_id, stemcell_id)
);

CREATE TABLE variable_sets (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  deployed_successfully BIGINT NOT NULL DEFAULT 0,
  writable BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE variables (
  {id},
  variable_set_id BIGINT NOT NULL REFERENCES variable_sets (id) ON DELETE CASCADE,
  variable_name TEXT NOT NULL,
  variable_id TEXT NOT NULL,
  is_local BIGINT NOT NULL DEFAULT 1,
  provider_deployment TEXT NOT NULL DEFAULT '',
  UNIQUE (variable_set_id, variable_name, is_local, provider_deployment)
);
-- The built-in store of values; with a config server of one's own it stays empty.
CREATE TABLE variable_values (
  {id},
  variable_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  parameters TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX variable_values_name ON variable_values (name);

CREATE TABLE instances (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  job TEXT NOT NULL,
  index_number BIGINT NOT NULL,
  uuid TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,
  availability_zone TEXT,
  bootstrap BIGINT NOT NULL DEFAULT 0,
  compilation BIGINT NOT NULL DEFAULT 0,
  ignored BIGINT NOT NULL DEFAULT 0,
  update_completed BIGINT NOT NULL DEFAULT 0,
  cloud_properties TEXT,
  spec TEXT,
  variable_set_id BIGINT NOT NULL REFERENCES variable_sets (id)
);
CREATE INDEX instances_deployment ON instances (deployment_id);
CREATE TABLE vms (
  {id},
  instance_id BIGINT NOT NULL REFERENCES instances (id),
  agent_id TEXT NOT NULL UNIQUE,
  cid TEXT UNIQUE,
  cpi TEXT NOT NULL DEFAULT '',
  active BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  stemcell_name TEXT,
  stemcell_version TEXT,
  stemcell_api_version BIGINT,
  env TEXT,
  cloud_properties TEXT,
  network_spec TEXT,
  trusted_certs_sha1 TEXT,
  blobstore_config_sha1 TEXT,
  nats_config_sha1 TEXT,
  permanent_nats_credentials BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX vms_instance ON vms (instance_id);
CREATE TABLE orphaned_vms (
  {id},
  cid TEXT NOT NULL UNIQUE,
  cpi TEXT NOT NULL DEFAULT '',
  availability_zone TEXT,
  cloud_properties TEXT,
  deployment_name TEXT NOT NULL,
  instance_name TEXT NOT NULL,
  stemcell_api_version BIGINT,
  orphaned_at BIGINT NOT NULL
);
CREATE TABLE ip_addresses (
  {id},
  address TEXT NOT NULL UNIQUE,
  network_name TEXT NOT NULL,
  static BIGINT NOT NULL DEFAULT 0,
  nic_group BIGINT,
  instance_id BIGINT REFERENCES instances (id),
  vm_id BIGINT REFERENCES vms (id),
  orphaned_vm_id BIGINT REFERENCES orphaned_vms (id),
  task_id BIGINT,
  created_at BIGINT NOT NULL
);
CREATE INDEX ip_addresses_instance ON ip_addresses (instance_id);
CREATE TABLE persistent_disks (
  {id},
  instance_id BIGINT NOT NULL REFERENCES instances (id),
  disk_cid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL DEFAULT '',
  size BIGINT NOT NULL,
  active BIGINT NOT NULL DEFAULT 0,
  cloud_properties TEXT NOT NULL DEFAULT '{}',
  cpi TEXT NOT NULL DEFAULT ''
);
CREATE TABLE orphan_disks (
  {id},
  disk_cid TEXT NOT NULL UNIQUE,
  size BIGINT NOT NULL,
  availability_zone TEXT,
  deployment_name TEXT NOT NULL,
  instance_name TEXT NOT NULL,
  cloud_properties TEXT NOT NULL DEFAULT '{}',
  cpi TEXT NOT NULL DEFAULT '',
  orphaned_at BIGINT NOT NULL
);
CREATE TABLE rendered_templates_archives (
  {id},
  instance_id BIGINT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  blobstore_id TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  content_sha1 TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Links.

CREATE TABLE link_providers (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  instance_group TEXT NOT NULL,
  serial_id BIGINT NOT NULL,
  UNIQUE (deployment_id, instance_group, name, type)
);
CREATE TABLE link_provider_intents (
  {id},
  link_provider_id BIGINT NOT NULL REFERENCES link_providers (id) ON DELETE CASCADE,
  original_name TEXT NOT NULL,
  type TEXT NOT NULL,
  name TEXT,
  shared BIGINT NOT NULL DEFAULT 0,
  consumable BIGINT NOT NULL DEFAULT 1,
  content TEXT,
  metadata TEXT,
  serial_id BIGINT NOT NULL,
  UNIQUE (link_provider_id, original_name, type)
);
CREATE TABLE link_consumers (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  instance_group TEXT NOT NULL,
  serial_id BIGINT NOT NULL,
  UNIQUE (deployment_id, instance_group, name, type)
);
CREATE TABLE link_consumer_intents (
  {id},
  link_consumer_id BIGINT NOT NULL REFERENCES link_consumers (id) ON DELETE CASCADE,
  original_name TEXT NOT NULL,
  type TEXT NOT NULL,
  name TEXT,
  optional BIGINT NOT NULL DEFAULT 0,
  blocked BIGINT NOT NULL DEFAULT 0,
  metadata TEXT,
  serial_id BIGINT NOT NULL,
  UNIQUE (link_consumer_id, original_name, type)
);
CREATE TABLE links (
  {id},
  link_consumer_intent_id BIGINT NOT NULL REFERENCES link_consumer_intents (id) ON DELETE CASCADE,
  link_provider_intent_id BIGINT REFERENCES link_provider_intents (id) ON DELETE SET NULL,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE instances_links (
  instance_id BIGINT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  link_id BIGINT NOT NULL REFERENCES links (id) ON DELETE CASCADE,
  serial_id BIGINT NOT NULL,
  PRIMARY KEY (instance_id, link_id)
);

-- Names.

CREATE TABLE local_dns_encoded_azs (
  {id},
  name TEXT NOT NULL UNIQUE
);
CREATE TABLE local_dns_encoded_networks (
  {id},
  name TEXT NOT NULL UNIQUE
);
CREATE TABLE local_dns_encoded_groups (
  {id},
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  UNIQUE (type, name, deployment_id)
);
CREATE TABLE local_dns_records (
  {id},
  ip TEXT NOT NULL,
  az TEXT,
  instance_group TEXT,
  network TEXT,
  deployment TEXT,
  instance_id BIGINT REFERENCES instances (id) ON DELETE CASCADE,
  agent_id TEXT,
  domain TEXT,
  links TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE local_dns_aliases (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  domain TEXT NOT NULL,
  target TEXT NOT NULL
);
CREATE TABLE local_dns_blobs (
  {id},
  blobstore_id TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  records_version BIGINT NOT NULL,
  aliases_version BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE agent_dns_versions (
  agent_id TEXT PRIMARY KEY,
  dns_version BIGINT NOT NULL
);

-- Work.

CREATE TABLE tasks (
  {id},
  state TEXT NOT NULL,
  type TEXT NOT NULL,
  description TEXT NOT NULL,
  queue TEXT NOT NULL,
  payload TEXT NOT NULL,
  username TEXT NOT NULL,
  deployment TEXT,
  teams TEXT NOT NULL DEFAULT '[]',
  context_id TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  result TEXT,
  owner TEXT,
  lease BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tasks_state ON tasks (state);
CREATE TABLE locks (
  {id},
  name TEXT NOT NULL UNIQUE,
  uid TEXT NOT NULL,
  expired_at BIGINT NOT NULL,
  task_id BIGINT
);
CREATE TABLE events (
  {id},
  parent_id BIGINT,
  timestamp BIGINT NOT NULL,
  username TEXT NOT NULL,
  action TEXT NOT NULL,
  object_type TEXT NOT NULL,
  object_name TEXT,
  error TEXT,
  task TEXT,
  deployment TEXT,
  instance TEXT,
  context TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX events_timestamp ON events (timestamp);
CREATE TABLE deployment_problems (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  state TEXT NOT NULL,
  resource_id BIGINT NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  description TEXT NOT NULL,
  instance_group TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL
);
CREATE TABLE errand_runs (
  {id},
  deployment_id BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
  errand_name TEXT NOT NULL,
  successful_state_hash TEXT NOT NULL,
  UNIQUE (deployment_id, errand_name)
);
CREATE TABLE ephemeral_blobs (
  {id},
  blobstore_id TEXT NOT NULL,
  sha1 TEXT NOT NULL,
  kind TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

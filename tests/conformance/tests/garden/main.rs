//! The Garden server over its wire: the public acceptance suite's lines, and rules of the wire that
//! its clients depend on.
//!
//! | lines of the suite | tests |
//! |---|---|
//! | capacity | `lifecycle::capacity_is_more_than_nothing` |
//! | info, properties, filters, list | `properties`, `container::it_is_a_machine_of_its_own` |
//! | debug figures | `inside::the_debug_server_has_figures` |
//! | devices, their links, devpts, fuse | `container::devices_are_the_usual_ones_and_work`, `inside::the_first_process_...` (ptmx) |
//! | masked paths | `security::what_is_masked_reads_empty` |
//! | metrics, single and bulk; pids with and without a limit | `limits`, `pea::life::its_metrics_are_asked_for_by_its_id` |
//! | create: limits read back | `limits::memory_is_limited_counted_and_told`, `limits::cpu_shares_are_told_and_the_rest_reads_empty` |
//! | create: quota containers one after the other; scopes total and exclusive | `image::a_disk_limit_counts_the_image_or_does_not` |
//! | create: same handle, what a failure leaves | `lifecycle::handles_are_unique_...`, `lifecycle::a_failed_creation_leaves_nothing` |
//! | create: uid and gid maps | `security::system_calls_are_filtered_unless_privileged`, `inside::the_first_process_...` |
//! | create: `/dev/shm`, `/tmp`, `/sys`, host name, init, state | `container::it_is_a_machine_of_its_own` |
//! | destroy and attach: unknown names by type | `properties::unknown_handles_...`, `process::unknown_and_doubled_processes_are_told_by_type` |
//! | run: streams, statuses, `/dev/stdin` and its like, 100 quick exits, 100 with a terminal | `process`, `terminal`, `inside::input_is_at_its_name_in_dev` |
//! | run: many attached, late, all with the status and the whole output | `process::six_attached_clients_...`, `terminal::two_watchers_see_the_same` |
//! | run: signals at once, without streams, without `kill` in the image | `process::signals_work_from_the_first_moment`, `inside::a_process_is_signalled_where_there_is_no_kill` |
//! | run: input relayed; a status while input is still sent | `process::standard_input_...`, `inside::a_status_comes_while_input_is_still_sent` |
//! | run: waiting for the output of children | `inside::the_output_of_children_is_waited_for` |
//! | terminal: sizes, line ends, resizing | `terminal` |
//! | stop: asked, children too, killed in the end | `stop` |
//! | files in and out, users, parents, truncated archives | `files` |
//! | files: `security.capability`, streamed and in the image | `inside::capabilities_of_files_...` |
//! | grace time | `grace` |
//! | clients that hang up, altogether or by halves; output that is lost | `hangup` |
//! | what waits for an image that is pulled, and what does not | `pulling` |
//! | limits: memory, processes, descriptors, a user's processes | `limits`, `process::resource_limits_...`, `inside::the_number_of_a_users_processes_is_limited` |
//! | limits: usage of disk is counted | `limits::usage_of_disk_is_counted`, `limits::a_disk_limit_is_kept_or_told_of` |
//! | network: ports in, rules out, static subnets | `network`, `netout`, `ipv6` |
//! | network: `hosts` and `resolv.conf`, also where the image has none; names | `network::names_are_in_its_files_...`, `inside::names_are_resolved_by_the_name_server` |
//! | processes with an image of their own | `pea` |
//! | process: ids, environment and its order, directories, homes | `process`, `inside::the_environment_keeps_its_order` |
//! | rootfs: private registry, wrong credentials, `PATH` and environment of the image, whiteouts | `image::a_private_registry_with_credentials` |
//! | security: processes seen, descriptors, seccomp, capabilities | `container`, `process::no_descriptor_is_passed_on`, `security` |
//! | security: capabilities of init | `inside::the_first_process_has_the_capabilities_of_root` |
//! | security: owners in the image, set-uid bit | `security::files_of_the_image_keep_owners_and_modes`, `inside::the_set_uid_bit_...` |
//! | security: programs of 32 bits are filtered as well | `foreign` |
//! | security: the clock, sysrq | `inside::nobody_sets_the_clock_...` |
//! | users: added inside, very large ids, supplementary groups | `inside::users_that_are_added_inside_are_users`, `process::users_and_groups_are_those_of_the_image` |
//! | processor time above the entitlement | `cpu` |
//!
//! Not as in the suite, on purpose (see `docs/contract/garden.md`): a privileged container sees
//! control groups; a disk limit is counted but not enforced where the file system has no quota. Not
//! asked here: the machine's own internet, and control groups of version 1 by their paths.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod container;
mod cpu;
mod crowd;
mod external;
mod files;
mod flags;
mod foreign;
mod grace;
mod hangup;
mod image;
mod inside;
mod ipv6;
mod lifecycle;
mod limits;
mod nested;
mod netout;
mod network;
mod pea;
mod process;
mod properties;
mod pulling;
mod restart;
mod security;
mod stop;
mod terminal;
mod tls;

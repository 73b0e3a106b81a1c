//! DNS records: each becomes one line of the hosts file, whatever is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_agent::dns::Records;

fuzz_target!(|data: &[u8]| {
    if let Ok(records) = Records::parse(data) {
        let hosts = records.hosts_file("agent");
        let default = warren_wire_agent::dns::default_hosts("agent")
            .lines()
            .count();
        assert_eq!(hosts.lines().count(), default + records.records.len());
    }
});

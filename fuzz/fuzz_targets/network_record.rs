//! What containers' networks are kept as, and the texts that ask for them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_network::address::{AddressRange, Subnet};
use warren_container_network::netout::{MOST_EXPANDED, NetOutRule};
use warren_container_network::record::Record;
use warren_container_network::settings::{Settings, Tag};
use warren_container_network::subnet::{Request, SubnetPool};
use warren_container_network::{plan, port};
use warren_fuzz::json_again;

fn texts(text: &str) {
    if let Ok(subnet) = text.parse::<Subnet>() {
        assert_eq!(subnet.to_string().parse(), Ok(subnet));
        assert!(subnet.contains(subnet.base()) && subnet.contains(subnet.broadcast()));
        assert!(
            subnet
                .container_addresses()
                .take(3)
                .all(|address| subnet.contains(address))
        );
        let mut pool = SubnetPool::new(subnet);
        if let Ok(lease) = pool.acquire(Request::Dynamic) {
            assert!(lease.subnet.contains(lease.address) && pool.is_in_use(lease.subnet));
            pool.release(lease);
            assert!(!pool.is_in_use(lease.subnet));
        }
    }
    if let Ok(request) = Request::parse(text) {
        let pool: Subnet = "10.254.0.0/22".parse().expect("the default");
        let mut pool = SubnetPool::new(pool);
        let first = pool.acquire(request);
        if let (Ok(first), Ok(second)) = (first, pool.acquire(request)) {
            assert_ne!(first.address, second.address);
        }
    }
    let _ = Tag::new(text);
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        texts(text);
    }
    json_again::<AddressRange>(bytes);
    json_again::<port::PortRange>(bytes);
    if let Some(rule) = json_again::<NetOutRule>(bytes)
        && rule.check().is_ok()
    {
        let rules = rule.expand("a", Settings::default().log);
        assert!(rules.len() <= MOST_EXPANDED);
    }
    if let Some(record) = json_again::<Record>(bytes) {
        let _ = (
            record.id(),
            record.address6(),
            record.addresses(),
            record.gateways(),
        );
        let _ = plan::Names::of(&Settings::default(), &record);
    }
});

//! The pool against what may never happen: one address twice, or overlapping subnets.

use proptest::prelude::*;

use super::*;

fn pool() -> SubnetPool {
    SubnetPool::new("10.254.0.0/22".parse().unwrap())
}

fn request(text: &str) -> Request {
    Request::parse(text).unwrap()
}

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

#[test]
fn dynamic_subnets_are_the_lowest_free_ones() {
    let mut pool = pool();
    assert_eq!(pool.capacity(), 256);
    let leases: Vec<_> = (0..3)
        .map(|_| pool.acquire(Request::Dynamic).unwrap())
        .collect();
    let addresses: Vec<_> = leases.iter().map(|lease| lease.address).collect();
    assert_eq!(
        addresses,
        ["10.254.0.2", "10.254.0.6", "10.254.0.10"].map(address)
    );
    pool.release(leases[1]);
    pool.release(leases[1]);
    assert_eq!(pool.acquire(Request::Dynamic).unwrap(), leases[1]);
}

#[test]
fn the_pool_runs_out_and_says_so() {
    let mut pool = SubnetPool::new("10.254.0.0/29".parse().unwrap());
    pool.acquire(Request::Dynamic).unwrap();
    pool.acquire(Request::Dynamic).unwrap();
    let error = pool.acquire(Request::Dynamic).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no free subnet is left in the pool 10.254.0.0/29"
    );
}

#[test]
fn a_named_subnet_is_shared_until_full() {
    let mut pool = pool();
    let first = pool.acquire(request("10.244.0.0/29")).unwrap();
    assert_eq!(first.address, address("10.244.0.2"));
    let fixed = pool.acquire(request("10.244.0.4/29")).unwrap();
    assert_eq!(fixed.address, address("10.244.0.4"));
    assert_eq!(fixed.subnet, first.subnet);
    for expected in ["10.244.0.3", "10.244.0.5", "10.244.0.6"] {
        let lease = pool.acquire(request("10.244.0.0/29")).unwrap();
        assert_eq!(lease.address, address(expected));
    }
    let subnet = first.subnet;
    assert_eq!(
        pool.acquire(request("10.244.0.0/29")),
        Err(Error::SubnetFull { subnet })
    );
    assert_eq!(
        pool.acquire(request("10.244.0.4/29")),
        Err(Error::AddressInUse(address("10.244.0.4")))
    );
}

#[test]
fn bad_requests_are_refused() {
    let mut pool = pool();
    pool.acquire(request("10.244.0.0/24")).unwrap();
    let mut refuse = |text: &str| pool.acquire(request(text)).unwrap_err().to_string();
    assert_eq!(
        refuse("10.244.0.1/24"),
        "a container IP must not equal the gateway IP"
    );
    assert_eq!(
        refuse("10.244.0.255/24"),
        "a container IP must not equal the broadcast IP"
    );
    assert_eq!(
        refuse("10.244.0.0/25"),
        "the requested subnet 10.244.0.0/25 overlaps 10.244.0.0/24, which is in use"
    );
    assert_eq!(
        refuse("10.244.0.0/16"),
        "the requested subnet 10.244.0.0/16 overlaps 10.244.0.0/24, which is in use"
    );
    assert_eq!(
        refuse("10.254.1.0/24"),
        "the requested subnet 10.254.1.0/24 overlaps the pool 10.254.0.0/22"
    );
    for text in [
        "10.0.0.0/31",
        "10.0.0.0/33",
        "10.0.0.0/",
        "fd00::/64",
        "any",
        "/30",
    ] {
        assert_eq!(Request::parse(text), Err(Error::Syntax(text.to_owned())));
    }
    // No prefix length means 30.
    assert_eq!(request("10.1.0.4"), request("10.1.0.4/30"));
    assert!(matches!(request("10.1.0.6"), Request::Address { .. }));
}

#[derive(Debug, Clone)]
enum Act {
    Acquire(Request),
    Release(usize),
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Dynamic),
        // A small area, so that requests meet each other and the pool.
        (0_u32..512, 24_u8..=30).prop_map(|(offset, bits)| {
            let address = Ipv4Addr::from(0x0afe_0000_u32 - 256 + offset);
            Request::parse(&format!("{address}/{bits}")).unwrap()
        }),
    ]
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => requests().prop_map(Act::Acquire),
        1 => any::<usize>().prop_map(Act::Release),
    ]
}

proptest! {
    #[test]
    fn no_address_is_given_twice_and_no_subnets_overlap(
        acts in proptest::collection::vec(acts(), 0..80),
    ) {
        let mut pool = SubnetPool::new("10.254.0.0/26".parse().unwrap());
        let mut held: Vec<Lease> = Vec::new();
        for act in acts {
            match act {
                Act::Acquire(request) => {
                    let before = pool.clone();
                    match pool.acquire(request) {
                        Ok(lease) => {
                            prop_assert!(lease.subnet.contains(lease.address));
                            prop_assert!(lease.address != lease.subnet.gateway());
                            prop_assert!(lease.address != lease.subnet.broadcast());
                            prop_assert!(lease.address != lease.subnet.base());
                            for other in &held {
                                prop_assert!(other.address != lease.address);
                                prop_assert!(
                                    other.subnet == lease.subnet
                                        || !other.subnet.overlaps(lease.subnet)
                                );
                            }
                            held.push(lease);
                        }
                        Err(_) => prop_assert_eq!(&pool, &before),
                    }
                }
                Act::Release(index) if !held.is_empty() => {
                    let lease = held.swap_remove(index % held.len());
                    pool.release(lease);
                    pool.release(lease);
                }
                Act::Release(_) => {}
            }
            // What is on disk is the leases alone: they must be enough to get the pool back.
            let mut again = SubnetPool::new("10.254.0.0/26".parse().unwrap());
            held.iter().for_each(|lease| again.adopt(*lease));
            prop_assert_eq!(&again, &pool);
        }
        held.iter().for_each(|lease| pool.release(*lease));
        prop_assert!(pool.in_use.is_empty());
    }

    #[test]
    fn any_text_is_a_request_or_an_error(text in ".{0,24}") {
        _ = Request::parse(&text);
    }
}

//! The pool in order, and never a port twice.

use proptest::prelude::*;

use super::*;

const SMALL: PortRange = PortRange {
    first: 61001,
    count: 4,
};

#[test]
fn ports_come_in_order_and_are_reused_last() {
    let mut pool = PortPool::new(SMALL, 0);
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61001));
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61002));
    pool.release(Transport::Tcp, 61001);
    pool.release(Transport::Tcp, 61001);
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61003));
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61004));
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61001));
    let error = pool.acquire(Transport::Tcp).unwrap_err();
    assert_eq!(error.to_string(), "port pool is exhausted");
}

#[test]
fn a_restarted_pool_goes_on_where_it_was() {
    let mut pool = PortPool::new(SMALL, 61003);
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61003));
    assert_eq!(pool.acquire(Transport::Udp), Ok(61004));
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61001));
}

#[test]
fn a_named_port_is_not_given_out_again() {
    let mut pool = PortPool::new(SMALL, 0);
    pool.take(Transport::Tcp, 61001).unwrap();
    assert_eq!(
        pool.take(Transport::Tcp, 61001),
        Err(Error::InUse { port: 61001 })
    );
    // The other transport's ports are others.
    pool.take(Transport::Udp, 61001).unwrap();
    assert_eq!(pool.acquire(Transport::Tcp), Ok(61002));
    pool.take(Transport::Tcp, 80).unwrap();
    assert_eq!(
        pool.take(Transport::Tcp, 80),
        Err(Error::InUse { port: 80 })
    );
    pool.release(Transport::Tcp, 80);
    pool.take(Transport::Tcp, 80).unwrap();
}

#[test]
fn ports_beyond_the_last_do_not_exist() {
    let range = PortRange {
        first: 65534,
        count: 100,
    };
    let mut pool = PortPool::new(range, 0);
    assert_eq!(pool.acquire(Transport::Tcp), Ok(65534));
    assert_eq!(pool.acquire(Transport::Tcp), Ok(65535));
    assert_eq!(pool.acquire(Transport::Tcp), Err(Error::Exhausted));
}

proptest! {
    #[test]
    fn no_port_is_given_twice(
        acts in proptest::collection::vec((0_u8..3, any::<bool>(), 0_u16..8), 0..60),
        start in 61000_u16..61006,
    ) {
        let mut pool = PortPool::new(SMALL, start);
        let mut held = BTreeSet::new();
        for (act, is_udp, offset) in acts {
            let transport = if is_udp { Transport::Udp } else { Transport::Tcp };
            let port = 60999 + offset;
            match act {
                0 => if let Ok(port) = pool.acquire(transport) {
                    prop_assert!(SMALL.contains(port));
                    prop_assert!(held.insert((port, transport)));
                },
                1 => prop_assert_eq!(pool.take(transport, port).is_ok(), held.insert((port, transport))),
                _ => {
                    pool.release(transport, port);
                    held.remove(&(port, transport));
                }
            }
            let used: BTreeSet<u16> = held.iter().map(|(port, _)| *port).collect();
            let free: BTreeSet<u16> = pool.free.iter().copied().collect();
            prop_assert_eq!(free.len(), pool.free.len());
            let expected: BTreeSet<u16> = SMALL.ports().filter(|port| !used.contains(port)).collect();
            prop_assert_eq!(free, expected);
        }
    }
}

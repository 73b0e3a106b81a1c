//! Both files, with the hosts that give trouble.

use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn hosts_names_the_container_by_the_end_of_its_handle() {
    let handle = format!("{}{}", "x".repeat(20), "y".repeat(49));
    let text = hosts(&handle, &[ip("10.254.0.2")], &["10.0.0.9 db".to_owned()]);
    let name = "y".repeat(49);
    assert_eq!(
        text,
        format!("127.0.0.1 localhost\n10.254.0.2 {name}\n10.0.0.9 db\n")
    );
    let text = hosts("c", &[ip("10.254.0.2"), ip("fd00::2")], &[]);
    assert!(text.contains("::1 localhost") && text.ends_with("fd00::2 c\n"));
}

#[test]
fn named_servers_replace_those_of_the_host() {
    let text = resolv_conf(&Resolver {
        servers: &[ip("8.8.8.8")],
        additional: &[ip("1.1.1.1")],
        host: "nameserver 10.0.0.1\nsearch host\n",
        ..Resolver::default()
    });
    assert_eq!(text, "nameserver 8.8.8.8\nnameserver 1.1.1.1\n");
}

#[test]
fn loopback_servers_of_the_host_are_left_out() {
    let host = "# made by hand\nnameserver 127.0.0.1\nnameserver 10.0.0.1\noptions ndots:2\n";
    let mut resolver = Resolver {
        host,
        gateway: Some(ip("10.254.0.1")),
        ..Resolver::default()
    };
    assert_eq!(
        resolv_conf(&resolver),
        "nameserver 10.0.0.1\noptions ndots:2\n"
    );
    resolver.host = "nameserver 127.0.0.1";
    assert_eq!(resolv_conf(&resolver), "nameserver 10.254.0.1\n");
    resolver.host = "nameserver ::1\n";
    assert_eq!(resolv_conf(&resolver), "nameserver 10.254.0.1\n");
    resolver.host = "";
    assert_eq!(resolv_conf(&resolver), "");
}

#[test]
fn a_stub_gives_way_to_what_is_behind_it() {
    let text = resolv_conf(&Resolver {
        host: "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n",
        behind_stub: Some("nameserver 192.168.1.1\nsearch lan\n"),
        gateway: Some(ip("10.254.0.1")),
        search: &["cf.internal".to_owned()],
        ..Resolver::default()
    });
    assert_eq!(text, "nameserver 192.168.1.1\nsearch cf.internal\n");
}

proptest! {
    #[test]
    fn any_host_file_gives_no_loopback_server(host in "(nameserver |search |[a-z0-9.:]{0,12}|\n){0,20}") {
        let text = resolv_conf(&Resolver { host: &host, ..Resolver::default() });
        prop_assert!(text.lines().filter_map(server).all(|ip| !ip.is_loopback()));
    }

    #[test]
    fn host_names_are_never_too_long(handle in ".{0,80}") {
        prop_assert!(host_name(&handle).chars().count() <= 49);
        prop_assert!(handle.ends_with(host_name(&handle)));
    }
}

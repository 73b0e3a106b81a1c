//! `passwd` and `group` of a container: no id means "leave it" to the kernel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_runtime::users::resolve;

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (user, passwd, group) = (next(), next(), next());
    if let Ok(user) = resolve(user, passwd, group) {
        let ids = [user.uid, user.gid]
            .into_iter()
            .chain(user.groups.iter().copied());
        assert!(ids.into_iter().all(|id| id != u32::MAX));
        assert!(user.groups.is_sorted() && !user.groups.contains(&user.gid));
    }
});

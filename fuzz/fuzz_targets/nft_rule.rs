//! A rule's attributes: read, shown as text, written, and read again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_netlink::AttributeBuilder;
use warren_sys_nft::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let Ok(listed) = fuzz::decode_rule(bytes) else {
        return;
    };
    let text = listed.rule.to_string();
    let Some(written) = fuzz::encode_rule(&listed) else {
        return;
    };
    // Expressions and comment are written; table, chain and handle are the caller's.
    let mut names = AttributeBuilder::new();
    names
        .put_str(1, &listed.table)
        .put_str(2, &listed.chain)
        .put_be64(3, listed.handle);
    let Ok(mut again) = names.finish() else {
        return;
    };
    again.extend_from_slice(&written);
    let again = fuzz::decode_rule(&again).expect("what was written reads");
    assert_eq!(again.rule.exprs, listed.rule.exprs, "{text}");
    assert_eq!(again.rule.to_string(), text);
});

//! DNS messages: queries of clients, and answers of the servers that are asked.
//!
//! A query that is read can be answered within its limit, and the answer is one; an answer that is
//! read can be adapted to any query, and is then still one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_lib_dns::{Code, Data, Query, Reply, Response, refusal};

fuzz_target!(|data: &[u8]| {
    let query = match Query::parse(data) {
        Ok(query) => query,
        Err(_) => {
            let _ = refusal(data, Code::Format);
            adapt(data);
            return;
        }
    };
    let reply = Reply {
        query: &query,
        code: Code::Good,
        authoritative: true,
        answers: (0..100_u32).map(|n| Data::A(n.into())).collect(),
    };
    let bytes = reply.encode(query.udp_limit());
    assert!(bytes.len() <= query.udp_limit());
    let response = Response::parse(&bytes).expect("an answer of ours is one");
    assert!(response.answers(&bytes, &query, query.id));
    adapt(data);
});

fn adapt(data: &[u8]) {
    const ASKED: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x01b\0\0\x01\0\x01";
    let Ok(response) = Response::parse(data) else {
        return;
    };
    let query = Query::parse(ASKED).expect("it is a query");
    let mut bytes = data.to_vec();
    response.adapt(&mut bytes, &query, 7);
    let again = Response::parse(&bytes).expect("it is still an answer");
    assert_eq!(again.code, response.code);
}

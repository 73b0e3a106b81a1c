//! What a NATS server sends, a certificate, an address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_lib_nats::codec::Decoder;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::default();
    for piece in data.chunks(7) {
        decoder.feed(piece);
        while let Ok(Some(_)) = decoder.next_operation() {}
    }
    let _ = warren_lib_nats::der::common_name(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = warren_lib_nats::ServerUrl::parse(text);
    }
});

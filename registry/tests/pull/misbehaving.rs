//! Servers that lie, stop, send away, and ask for tokens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store;
use warren_registry::{Credentials, Error, source_for};

use crate::images::{Form, Images, OCI_MANIFEST, archive};
use crate::real::{error, insecure, open};
use crate::server::{Small, answer, honest};

/// An image whose layer does not fit into any buffer on the way.
fn large() -> (Images, String, String) {
    let mut images = Images::default();
    let mut state = 1u32;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    });
    let plain = archive("noise", &noise.take(3_000_000).collect::<Vec<_>>());
    let layer = Digest::of(&plain).to_string();
    let image = images.image(OCI_MANIFEST, &[(plain, Form::Plain)]);
    (images, image, layer)
}

/// All that is wrong, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(": {source}");
        next = source.source();
    }
    text
}

#[test]
fn a_pull_goes_on_where_the_connection_broke() {
    let (images, image, layer) = large();
    let asked_for: Arc<AtomicUsize> = Arc::default();
    let count = asked_for.clone();
    let server = Small::start(move |asked| {
        if !asked.path.ends_with(&layer) {
            return honest(&images, &image, asked);
        }
        let bytes = &images.blobs[&layer];
        let half = bytes.len() / 2;
        count.fetch_add(1, Ordering::SeqCst);
        let range = asked.headers.get("range");
        let from = range.map_or(0, |range| {
            let digits = range.trim_start_matches("bytes=").trim_end_matches('-');
            digits.parse::<usize>().unwrap()
        });
        if from == 0 {
            // Promises all, and stops half-way.
            let mut whole = answer("200 OK", "", bytes);
            whole.truncate(whole.len() - half);
            return whole;
        }
        answer("206 Partial Content", "", &bytes[from..])
    });
    let top = tempfile::tempdir().unwrap();
    let uri = format!("docker://{}/a", server.address);
    let source = source_for(&uri, None, &insecure(&server.address.to_string())).unwrap();
    let leases = open(&top.path().join("s")).fetch(&*source).unwrap();
    assert!(leases[0].diff().join("noise").exists());
    assert_eq!(asked_for.load(Ordering::SeqCst), 2);
}

#[test]
fn a_blob_that_stays_short_is_an_error() {
    let (images, image, layer) = large();
    let server = Small::start(move |asked| {
        if !asked.path.ends_with(&layer) {
            return honest(&images, &image, asked);
        }
        // A whole answer, of fewer bytes than the manifest tells.
        answer("200 OK", "", &images.blobs[&layer][..1000])
    });
    let top = tempfile::tempdir().unwrap();
    let uri = format!("docker://{}/a", server.address);
    let source = source_for(&uri, None, &insecure(&server.address.to_string())).unwrap();
    let store = open(&top.path().join("s"));
    let error = store.fetch(&*source).unwrap_err();
    let text = chain(&error);
    assert!(text.contains("ended after 1000 of "), "{text}");
    assert!(store.layers().unwrap().is_empty());
    drop(store);
    assert_eq!(open(&top.path().join("s")).swept(), store::Swept::default());
}

#[test]
fn bytes_that_are_not_those_that_were_named() {
    let (images, image, layer) = large();
    let server = Small::start(move |asked| {
        if !asked.path.ends_with(&layer) {
            return honest(&images, &image, asked);
        }
        let mut bytes = images.blobs[&layer].clone();
        // The last but one block of the file: the archive stays whole.
        bytes[2_900_000] ^= 1;
        answer("200 OK", "", &bytes)
    });
    let top = tempfile::tempdir().unwrap();
    let uri = format!("docker://{}/a", server.address);
    let source = source_for(&uri, None, &insecure(&server.address.to_string())).unwrap();
    let store = open(&top.path().join("s"));
    let error = store.fetch(&*source).unwrap_err();
    let store::Error::Unpack { source, .. } = &error else {
        panic!("{error:?}");
    };
    let kind = warren_container_rootfs::layer::Error::BlobDigest {
        expected: Digest::of(b""),
        actual: Digest::of(b""),
    };
    assert_eq!(
        std::mem::discriminant(source),
        std::mem::discriminant(&kind)
    );
    assert!(store.layers().unwrap().is_empty());
}

#[test]
fn manifests_are_checked() {
    let (images, image, _) = large();
    let pinned = image.clone();
    let server = Small::start(move |asked| {
        if asked.path.contains("/manifests/") {
            let mut bytes = images.manifests[&image].1.clone();
            bytes.push(b' ');
            return answer("200 OK", "", &bytes);
        }
        honest(&images, &image, asked)
    });
    let settings = insecure(&server.address.to_string());
    let uri = format!("docker://{}/a@{pinned}", server.address);
    let refused = error(source_for(&uri, None, &settings));
    assert!(matches!(refused, Error::Digest { .. }), "{refused}");
    // Without the pin it is as good as any other.
    source_for(&format!("docker://{}/a", server.address), None, &settings).unwrap();
}

#[test]
fn a_registry_that_is_busy_is_asked_again() {
    let (images, image, _) = large();
    let tries: Arc<AtomicUsize> = Arc::default();
    let count = tries.clone();
    let server = Small::start(move |asked| {
        if asked.path.contains("/manifests/") && count.fetch_add(1, Ordering::SeqCst) < 2 {
            return answer("503 Busy", "", b"{}");
        }
        honest(&images, &image, asked)
    });
    let settings = insecure(&server.address.to_string());
    let uri = format!("docker://{}/a", server.address);
    source_for(&uri, None, &settings).unwrap();
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[test]
fn two_pulls_at_once_unpack_once() {
    let (images, image, layer) = large();
    let asked_for: Arc<AtomicUsize> = Arc::default();
    let count = asked_for.clone();
    let server = Small::start(move |asked| {
        if asked.path.ends_with(&layer) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        honest(&images, &image, asked)
    });
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("s"));
    let uri = format!("docker://{}/a", server.address);
    let settings = insecure(&server.address.to_string());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let source = source_for(&uri, None, &settings).unwrap();
                assert_eq!(store.fetch(&*source).unwrap().len(), 1);
            });
        }
    });
    assert_eq!(asked_for.load(Ordering::SeqCst), 1);
}

#[test]
fn layers_come_at_the_same_time_and_a_slow_one_does_not_hold_up_the_others() {
    let mut images = Images::default();
    let layers: Vec<_> = (0..12)
        .map(|number| (archive(&format!("f{number}"), b"x"), Form::Gzip))
        .collect();
    let image = images.image(OCI_MANIFEST, &layers);
    let (_, manifest) = &images.manifests[&image];
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let blob = |number: usize| {
        let digest = manifest["layers"][number]["digest"].as_str();
        digest.unwrap().to_owned()
    };
    let (first, last) = (blob(0), blob(layers.len() - 1));
    let last_was_asked_for = (Mutex::new(false), Condvar::new());
    let server = Small::start(move |asked| {
        let (was_asked_for, told) = &last_was_asked_for;
        if asked.path.ends_with(&last) {
            *was_asked_for.lock().unwrap() = true;
            told.notify_all();
        }
        if asked.path.ends_with(&first) {
            // Answered only when all others have been begun.
            let lock = was_asked_for.lock().unwrap();
            let patience = Duration::from_secs(60);
            let waited = told.wait_timeout_while(lock, patience, |asked| !*asked);
            if waited.unwrap().1.timed_out() {
                return answer("404 The others do not come", "", b"");
            }
        }
        honest(&images, &image, asked)
    });
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("s"));
    let uri = format!("docker://{}/a", server.address);
    let source = source_for(&uri, None, &insecure(&server.address.to_string())).unwrap();
    let leases = store.fetch(&*source).unwrap();
    for (number, lease) in leases.iter().enumerate() {
        assert!(lease.diff().join(format!("f{number}")).exists(), "{number}");
    }
    assert_eq!(leases.len(), layers.len());
}

#[test]
fn tokens() {
    let (images, image, _) = large();
    let server = Small::start(move |asked| {
        let authorization = asked.headers.get("authorization").map(String::as_str);
        if let Some(query) = asked.path.strip_prefix("/token?") {
            assert_eq!(query, "service=a%20registry&scope=repository%3Aa%3Apull");
            return match authorization {
                Some("Basic bWU6czNjcmV0") => answer("200 OK", "", br#"{"token":"t0ken"}"#),
                Some(_) => answer("401 No", "", b""),
                None => answer("200 OK", "", br#"{"access_token":"anybody"}"#),
            };
        }
        if authorization == Some("Bearer t0ken") {
            return honest(&images, &image, asked);
        }
        let host = &asked.headers["host"];
        let challenge = format!(
            "www-authenticate: Bearer realm=\"http://{host}/token\",service=\"a registry\",\
             scope=\"repository:a:pull\"\r\n"
        );
        answer("401 Unauthorized", &challenge, b"{}")
    });
    let settings = insecure(&server.address.to_string());
    let uri = format!("docker://{}/a", server.address);
    let top = tempfile::tempdir().unwrap();
    let good = Credentials::new("me", "s3cret");
    let source = source_for(&uri, Some(&good), &settings).unwrap();
    assert_eq!(
        open(&top.path().join("s")).fetch(&*source).unwrap().len(),
        1
    );
    let refused = error(source_for(
        &uri,
        Some(&Credentials::new("me", "x")),
        &settings,
    ));
    assert!(matches!(refused, Error::Unauthorized { .. }), "{refused}");
    let refused = error(source_for(&uri, None, &settings));
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
}

#[test]
fn who_is_sent_elsewhere_leaves_the_password_behind() {
    let (images, image, layer) = large();
    let blobs = images.blobs.clone();
    let elsewhere = Small::start(move |asked| {
        assert!(!asked.headers.contains_key("authorization"));
        let name = asked
            .path
            .trim_start_matches("/store/")
            .split('?')
            .next()
            .unwrap();
        answer("200 OK", "", &blobs[name])
    });
    let to = elsewhere.address;
    let server = Small::start(move |asked| {
        if !asked.headers.contains_key("authorization") && asked.path != "/v2/" {
            return answer("401 No", "www-authenticate: Basic realm=x\r\n", b"");
        }
        if asked.path.ends_with(&layer) {
            let location = format!("location: http://{to}/store/{layer}?signature=1\r\n");
            return answer("307 There", &location, b"");
        }
        honest(&images, &image, asked)
    });
    let settings = insecure(&server.address.to_string());
    let uri = format!("docker://{}/a", server.address);
    let me = Credentials::new("me", "s3cret");
    let top = tempfile::tempdir().unwrap();
    let source = source_for(&uri, Some(&me), &settings).unwrap();
    assert_eq!(
        open(&top.path().join("s")).fetch(&*source).unwrap().len(),
        1
    );
}

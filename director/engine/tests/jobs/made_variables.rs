//! Variables that keep their values until stemcells change, and certificates for names of links.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use warren_director_store::work::Work;

use crate::archives::stemcell;
use crate::director::{Director, manifest};
use crate::rendered::{showing, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_may_wait_for_another_stemcell() {
    let it = Director::start().await;
    let spec = "properties: {waits: {}, other: {}}\n";
    let template = "<%= p('waits') %> <%= p('other') %>";
    it.release(&[showing("web", "aaaa", template, spec)]).await;
    let text = manifest(
        1,
        "variables:
- {name: waits, type: password, update_mode: overwrite, update: {strategy: on-stemcell-change}}
- {name: other, type: password, update_mode: overwrite}
",
    )
    .replace(
        "{name: web, release: r}",
        "{name: web, release: r, properties: {waits: ((waits)), other: ((other))}}",
    );
    let both = || {
        let text = shown(&it, "web");
        let (waits, other) = text.split_once(' ').unwrap();
        (waits.to_owned(), other.to_owned())
    };
    it.deploy(&text).await.done();
    let first = both();
    it.deploy(&text).await.done();
    let second = both();
    assert_eq!(second.0, first.0);
    assert_ne!(second.1, first.1);
    // Unless somebody asks for it.
    it.update(|deploy| {
        deploy.manifest = Some(text.clone());
        deploy.force_latest_variables = true;
    })
    .await
    .done();
    let third = both();
    assert_ne!(third.0, first.0);
    let bytes = stemcell("1.2", "warden-tar", b"another image");
    let upload = Work::UpdateStemcell(it.scene.upload(&bytes));
    it.scene.work(upload).await.done();
    it.deploy(&text).await.done();
    assert_ne!(both().0, third.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_may_be_for_the_names_of_links() {
    let it = Director::start().await;
    let spec = "properties: {cert: {}}\n";
    let template = "<%= p('cert')['certificate'] %>";
    it.release(&[showing("web", "aaaa", template, spec)]).await;
    // What is signed by one of them comes after it.
    let text = manifest(
        1,
        "variables:
- name: ca
  type: certificate
  options: {is_ca: true}
  consumes: {common_name: {from: front}}
- name: cert
  type: certificate
  options: {ca: ca, common_name: plain.test, alternative_names: [other.test]}
  consumes: {alternative_name: {from: front, properties: {wildcard: true}}}
",
    )
    .replace(
        "{name: web, release: r}",
        "{name: web, release: r, properties: {cert: ((cert))}, \
         custom_provider_definitions: [{name: front, type: address}]}",
    );
    it.deploy(&text).await.done();
    let shown = shown(&it, "web");
    let lines: String = shown.lines().filter(|line| !line.contains("--")).collect();
    let bytes = STANDARD.decode(lines).unwrap();
    let has = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    for name in [
        "*.web.default.d.bosh",
        "other.test",
        "plain.test",
        "q-s0.web.default.d.bosh",
    ] {
        assert!(has(name), "{name}");
    }
    let again = it.deploy(&text).await.done();
    assert_eq!(again.finished().len(), 3, "{again:?}");
    let unknown = text.replacen("from: front", "from: back", 1);
    let refused = it.deploy(&unknown).await;
    assert!(
        refused.result.contains("type 'address' from variable 'ca'"),
        "{refused:?}"
    );
}

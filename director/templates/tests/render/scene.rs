//! A job in an archive, and a pool.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use warren_director_templates::{
    Context, Error, JobArchive, LinkValues, Options, Pool, RenderedJob, render,
};
use warren_lib_tar::{Entry, Kind, Time, Writer};

/// A pool of plain Ruby.
pub fn pool() -> Pool {
    Pool::new(Options {
        patience: Duration::from_secs(30),
        ..Options::default()
    })
}

/// An archive of these files.
pub fn archive(files: &[(&str, &[u8])]) -> JobArchive {
    let mut writer = Writer::new(Vec::new());
    for (path, content) in files {
        let entry = Entry {
            path: format!("./{path}").into_bytes(),
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            stored: content.len() as u64,
            xattrs: Vec::new(),
            sparse: None,
        };
        writer.start(&entry).unwrap();
        writer.data(content).unwrap();
    }
    JobArchive::read("web", &writer.finish().unwrap()).unwrap()
}

/// Renders one template with a context as JSON: `spec`, `properties`, `links`.
pub async fn one(pool: &Pool, template: &str, context: Value) -> Result<String, Error> {
    let archive = archive(&[
        ("monit", b"check".as_slice()),
        ("templates/f.erb", template.as_bytes()),
    ]);
    let job = with(pool, &archive, &["f.erb"], context).await?;
    Ok(String::from_utf8(job.files[0].content.clone()).unwrap())
}

/// Renders templates of an archive.
pub async fn with(
    pool: &Pool,
    archive: &JobArchive,
    sources: &[&str],
    context: Value,
) -> Result<RenderedJob, Error> {
    let object = |key: &str| -> Map<String, Value> {
        context
            .get(key)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let links: BTreeMap<String, LinkValues> = object("links")
        .into_iter()
        .map(|(name, values)| (name, serde_json::from_value(values).unwrap()))
        .collect();
    let context = Context {
        spec: object("spec"),
        properties: object("properties"),
        links,
    };
    let templates = sources
        .iter()
        .map(|source| ((*source).to_owned(), format!("config/{source}")))
        .collect();
    render(pool, "web", archive, &templates, &context).await
}

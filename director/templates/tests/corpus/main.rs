//! Job templates of the shapes that public releases have, in the worker and in plain Ruby with a context
//! of its own (`plain.rb`): the same bytes, and the same words about what is wrong. Needs `ruby`.
//!
//! ```text
//! jobs/JOB/context.json     spec, properties, links
//! jobs/JOB/templates/*.erb  each rendered by both
//! ```

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use warren_director_templates::{Error, Options, Pool};

#[path = "../render/scene.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod scene;

/// What plain Ruby makes of a template.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", untagged)]
enum Plain {
    Rendered { text: String },
    Failed { error: String, line: u64 },
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn plain(job: &Path) -> BTreeMap<String, Plain> {
    let mut command = Command::new("ruby");
    let output = command
        .arg(directory().join("plain.rb"))
        .arg(job)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", job.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same template by the worker, alone with an empty `monit`.
async fn by_worker(pool: &Pool, name: &str, content: &[u8], context: Value) -> Plain {
    let path = format!("templates/{name}");
    let archive = scene::archive(&[("monit", b"".as_slice()), (&path, content)]);
    match scene::with(pool, &archive, &[name], context).await {
        Ok(job) => Plain::Rendered {
            text: STANDARD.encode(&job.files[0].content),
        },
        Err(Error::Templates { errors, .. }) => Plain::Failed {
            error: errors[0].message.clone(),
            line: errors[0].line.unwrap_or(0),
        },
        Err(error) => panic!("{name}: {error}"),
    }
}

fn readable(plain: &Plain) -> String {
    match plain {
        Plain::Rendered { text } => {
            String::from_utf8_lossy(&STANDARD.decode(text).unwrap()).into_owned()
        }
        Plain::Failed { error, line } => format!("line {line}: {error}"),
    }
}

#[tokio::test]
async fn the_worker_renders_as_plain_ruby_does() {
    let pool = Pool::new(Options::default());
    let (mut jobs, mut templates, mut failed) = (0, 0, 0);
    let mut directories: Vec<_> = std::fs::read_dir(directory().join("jobs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    directories.sort();
    for job in directories {
        let context = std::fs::read(job.join("context.json")).unwrap();
        let context: Value = serde_json::from_slice(&context).unwrap();
        for (name, expected) in plain(&job) {
            let content = std::fs::read(job.join("templates").join(&name)).unwrap();
            let got = by_worker(&pool, &name, &content, context.clone()).await;
            assert_eq!(
                readable(&got),
                readable(&expected),
                "{}/{name}",
                job.display()
            );
            assert_eq!(got, expected, "{}/{name}", job.display());
            templates += 1;
            failed += u32::from(matches!(expected, Plain::Failed { .. }));
        }
        jobs += 1;
    }
    // A corpus that has been lost must not pass.
    assert!(
        jobs >= 15 && templates >= 79 && failed >= 12,
        "{jobs} {templates} {failed}"
    );
}

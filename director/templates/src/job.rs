//! Rendering one job of one instance.

use std::collections::BTreeMap;

use crate::bytes::Bytes;
use crate::request::{Context, Outcome, Request, Template};
use crate::{Error, JobArchive, Pool, TemplateError};

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The template in the release, relative to `templates/`.
    pub source: String,
    /// Where it goes in the job's directory.
    pub destination: String,
    /// What it has become.
    pub content: Vec<u8>,
}

/// A rendered job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedJob {
    /// Its name.
    pub name: String,
    /// What the job supervisor reads.
    pub monit: Vec<u8>,
    /// More of the same, as `LABEL.monit`.
    pub other_monit: Vec<File>,
    /// By source.
    pub files: Vec<File>,
}

/// Renders the job called `name`: `templates` maps sources to destinations, as its spec has them.
///
/// # Errors
/// [`Error::Templates`] with all that could not be filled in, or what is wrong with the archive or
/// the worker.
pub async fn render(
    pool: &Pool,
    name: &str,
    archive: &JobArchive,
    templates: &BTreeMap<String, String>,
    context: &Context,
) -> Result<RenderedJob, Error> {
    let missing = |file: &str| Error::Missing {
        job: name.to_owned(),
        file: file.to_owned(),
    };
    let monit = archive.file("monit").ok_or_else(|| missing("monit"))?;
    let mut requested = vec![("monit", monit)];
    for source in templates.keys() {
        let path = format!("templates/{source}");
        let content = archive.file(&path).ok_or_else(|| missing(&path))?;
        requested.push((source, content));
    }
    requested.extend(archive.other_monit_files());
    let request = Request {
        context,
        templates: requested
            .iter()
            .map(|(name, content)| Template {
                name,
                content: Bytes::new(content),
            })
            .collect(),
    };
    let outcomes = pool.ask(name, &request).await?;
    let mut contents = Vec::with_capacity(outcomes.len());
    let mut errors = Vec::new();
    for ((source, _), outcome) in requested.iter().zip(outcomes) {
        match outcome {
            Outcome::Rendered(bytes) => {
                contents.push(bytes.into_bytes().map_err(|error| Error::Answer {
                    job: name.to_owned(),
                    answer: error.to_string(),
                })?);
            }
            Outcome::Failed { error, line } => errors.push(TemplateError {
                name: (*source).to_owned(),
                line,
                message: error,
            }),
        }
    }
    if !errors.is_empty() {
        return Err(Error::Templates {
            job: name.to_owned(),
            errors,
        });
    }
    let mut contents = contents.into_iter();
    let monit = contents.next().unwrap_or_default();
    let files = templates
        .iter()
        .zip(contents.by_ref())
        .map(|((source, destination), content)| File {
            source: source.clone(),
            destination: destination.clone(),
            content,
        })
        .collect();
    let other_monit = archive
        .other_monit_files()
        .zip(contents)
        .map(|((path, _), content)| File {
            source: path.to_owned(),
            destination: path.to_owned(),
            content,
        })
        .collect();
    Ok(RenderedJob {
        name: name.to_owned(),
        monit,
        other_monit,
        files,
    })
}

impl RenderedJob {
    /// Adds `.bosh/links.json`: which groups of instances the job provides links for, each as
    /// `type`, `name` and `group`, sorted by group.
    pub fn add_links(&mut self, mut links: Vec<(String, String, String)>) {
        links.sort_by(|one, two| one.2.cmp(&two.2));
        let mut content = if links.is_empty() {
            "[]".to_owned()
        } else {
            let objects: Vec<String> = links
                .iter()
                .map(|(kind, name, group)| {
                    let text = |value: &String| serde_json::Value::from(value.as_str()).to_string();
                    format!(
                        "  {{\n    \"type\": {},\n    \"name\": {},\n    \"group\": {}\n  }}",
                        text(kind),
                        text(name),
                        text(group)
                    )
                })
                .collect();
            format!("[\n{}\n]", objects.join(",\n"))
        };
        content.push('\n');
        let file = File {
            source: ".bosh/links.json".to_owned(),
            destination: ".bosh/links.json".to_owned(),
            content: content.into_bytes(),
        };
        let place = self
            .files
            .partition_point(|other| other.source < file.source);
        self.files.insert(place, file);
    }
}

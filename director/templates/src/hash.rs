//! The hashes that decide whether an instance's configuration has changed. They are stock's, byte for
//! byte, so that a database can be taken over without restarting everything.

use sha1::{Digest, Sha1};

use crate::RenderedJob;

/// Of one job: `monit`, then the contents of its files by source.
#[must_use]
pub fn template_hash(job: &RenderedJob) -> String {
    let mut hash = Sha1::new();
    hash.update(&job.monit);
    for file in &job.files {
        hash.update(&file.content);
    }
    hex(&hash.finalize())
}

/// Of all jobs of an instance: by name, `monit`, the name, then for each file by source its content
/// and where it goes.
#[must_use]
pub fn configuration_hash(jobs: &[RenderedJob]) -> String {
    let mut sorted: Vec<&RenderedJob> = jobs.iter().collect();
    sorted.sort_by(|one, two| one.name.cmp(&two.name));
    let mut hash = Sha1::new();
    for job in sorted {
        hash.update(&job.monit);
        hash.update(&job.name);
        for file in &job.files {
            hash.update(&file.content);
            hash.update(&file.destination);
        }
    }
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn job(name: &str) -> RenderedJob {
        let file = |source: &str, destination: &str, content: &str| File {
            source: source.to_owned(),
            destination: destination.to_owned(),
            content: content.as_bytes().to_vec(),
        };
        RenderedJob {
            name: name.to_owned(),
            monit: b"check".to_vec(),
            other_monit: Vec::new(),
            files: vec![
                file("a.erb", "bin/a", "one"),
                file("b.erb", "config/b", "two"),
            ],
        }
    }

    fn sha1(text: &str) -> String {
        hex(&Sha1::digest(text))
    }

    #[test]
    fn are_over_the_concatenation() {
        assert_eq!(template_hash(&job("x")), sha1("checkonetwo"));
        assert_eq!(
            configuration_hash(&[job("y"), job("x")]),
            sha1("checkxonebin/atwoconfig/bcheckyonebin/atwoconfig/b")
        );
    }

    #[test]
    fn links_are_written_as_ruby_does() {
        let mut job = job("x");
        job.add_links(vec![
            ("http".into(), "two".into(), "9".into()),
            ("http".into(), "one".into(), "10".into()),
        ]);
        assert_eq!(job.files[0].destination, ".bosh/links.json");
        assert_eq!(
            String::from_utf8_lossy(&job.files[0].content),
            "[\n  {\n    \"type\": \"http\",\n    \"name\": \"one\",\n    \"group\": \"10\"\n  },\n  \
             {\n    \"type\": \"http\",\n    \"name\": \"two\",\n    \"group\": \"9\"\n  }\n]\n"
        );
        job.files.clear();
        job.add_links(Vec::new());
        assert_eq!(job.files[0].content, b"[]\n");
    }
}

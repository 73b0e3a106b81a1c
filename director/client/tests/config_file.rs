//! `~/.bosh/config`, read and written beside the stock command line.

use std::os::unix::fs::PermissionsExt;

use warren_director_client::config_file::{ConfigFile, Environment};

#[test]
fn environments_are_kept_and_what_is_unknown_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/config");
    let mut config = ConfigFile::read(&path).unwrap();
    assert_eq!(config.find("lab"), None);
    let url = "https://192.0.2.1:25555".to_owned();
    let lab = Environment {
        url: url.clone(),
        alias: Some("lab".into()),
        ..Environment::default()
    };
    config.set(&lab);
    config.write().unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let text = std::fs::read_to_string(&path).unwrap() + "kept: yes\n";
    std::fs::write(&path, text).unwrap();
    let mut config = ConfigFile::read(&path).unwrap();
    let in_use = Environment {
        username: Some("admin".into()),
        ..lab.clone()
    };
    config.set(&in_use);
    // The alias moves to another address.
    let other = Environment {
        url: "https://192.0.2.2:25555".into(),
        ..lab
    };
    config.set(&other);
    config.write().unwrap();
    let config = ConfigFile::read(&path).unwrap();
    assert_eq!(config.find("lab"), Some(other));
    assert_eq!(
        config.find(&url),
        Some(Environment {
            alias: None,
            ..in_use
        })
    );
    assert!(std::fs::read_to_string(&path).unwrap().contains("kept:"));
}

#[test]
fn a_file_of_another_shape_is_an_error_or_says_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    for (text, is_good) in [
        ("[1]", false),
        ("a: [", false),
        ("", true),
        ("environments: 7", true),
        ("environments: [1, {url: 2}]", true),
    ] {
        std::fs::write(&path, text).unwrap();
        let config = ConfigFile::read(&path);
        assert_eq!(config.is_ok(), is_good, "{text}");
        if let Ok(mut config) = config {
            config.set(&Environment {
                url: "https://h".into(),
                ..Environment::default()
            });
            assert!(config.find("https://h").is_some());
        }
    }
}

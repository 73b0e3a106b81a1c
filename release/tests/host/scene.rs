//! A release directory with one of everything.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use warren_release::directory::{Create, Created, Directory, Error, Event, create};

/// A release directory, its cache, and a place beside them.
pub struct Scene {
    top: tempfile::TempDir,
}

impl Scene {
    /// Two jobs, three packages, blobs, a licence; no repository.
    pub fn new() -> Self {
        let scene = Self::empty();
        scene.write("LICENSE", "Free.\n");
        scene.write("NOTICE.txt", "By us.\n");
        scene.write(
            "jobs/web/spec",
            r#"{"name": "web", "templates": {"ctl.erb": "bin/ctl", "link.erb": "config/link",
            "deep/er.erb": "config/er"}, "packages": ["app"], "properties": {"port": {"default": 1}}}"#,
        );
        scene.write("jobs/web/monit", "check process web\n");
        scene.write("jobs/web/templates/ctl.erb", "#!/bin/sh\n");
        scene.mode("jobs/web/templates/ctl.erb", 0o755);
        scene.write("jobs/web/templates/deep/er.erb", "x\n");
        scene.write("jobs/web/properties_schema.json", "{}\n");
        symlink("ctl.erb", scene.path("jobs/web/templates/link.erb")).unwrap();
        scene.write("jobs/idle/spec", r#"{"name": "idle", "templates": {}}"#);
        scene.write("jobs/idle/monit", "");

        scene.write(
            "packages/app/spec",
            r#"{"name": "app", "dependencies": ["ruby", "lib"], "files": ["app/**/*", "big.bin"],
            "excluded_files": ["app/**/*.o"]}"#,
        );
        scene.write(
            "packages/app/packaging",
            "cp -a app ${BOSH_INSTALL_TARGET}\n",
        );
        scene.mode("packages/app/packaging", 0o755);
        scene.write("src/app/main.c", "main\n");
        scene.write("src/app/main.o", "object\n");
        scene.write("src/app/.hidden", "hidden\n");
        scene.write("src/app/bin/run", "run\n");
        scene.mode("src/app/bin/run", 0o755);
        symlink("main.c", scene.path("src/app/link.c")).unwrap();
        symlink("/nowhere", scene.path("src/app/dangling")).unwrap();
        symlink("bin", scene.path("src/app/folder")).unwrap();
        scene.write("src/app/A", "capital\n");
        scene.write("src/app/ü", "umlaut\n");
        // What src has counts.
        scene.write("src/app/both", "from src\n");
        scene.write("blobs/app/both", "from blobs\n");
        scene.write("blobs/big.bin", &"big ".repeat(5000));
        scene.write(
            "packages/ruby/spec",
            r#"{"name": "ruby", "files": ["ruby.txt"]}"#,
        );
        scene.write("packages/ruby/packaging", "true\n");
        scene.write("src/ruby.txt", "ruby\n");
        scene.write(
            "packages/lib/spec",
            r#"{"name": "lib", "dependencies": ["ruby"], "files": []}"#,
        );
        scene.write("packages/lib/packaging", "true\n");
        scene.list_blobs(&["app/both", "big.bin"]);
        scene
    }

    /// Only a configuration.
    pub fn empty() -> Self {
        let top = tempfile::tempdir().unwrap();
        let scene = Self { top };
        let store = scene.beside("store");
        scene.write(
            "config/final.yml",
            &format!(
                "name: demo\nblobstore:\n  provider: local\n  options:\n    blobstore_path: {}\n",
                store.display()
            ),
        );
        scene
    }

    pub fn directory(&self) -> Directory {
        Directory::new(self.root(), self.beside("cache"))
    }

    pub fn root(&self) -> PathBuf {
        self.beside("demo-release")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Something that is not in the release directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn mode(&self, name: &str, mode: u32) {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.path(name), permissions).unwrap();
    }

    /// Lists files below `blobs/` that are in no blobstore.
    pub fn list_blobs(&self, names: &[&str]) {
        let mut list = String::new();
        for name in names {
            let sums = warren_release::Sums::of_file(&self.path("blobs").join(name)).unwrap();
            let (size, sha) = (sums.bytes(), sums.sha256());
            list += &format!("{name}:\n  size: {size}\n  sha: {sha}\n");
        }
        self.write("config/blobs.yml", &list);
    }

    pub fn create(&self, wanted: &Create) -> Result<Created, Error> {
        create(&self.directory(), wanted, &mut ignore)
    }

    /// Makes a tarball of a new development release.
    pub fn tarball(&self, name: &str) -> PathBuf {
        let path = self.beside(name);
        let tarball = Some(path.clone());
        let wanted = Create {
            tarball,
            ..Create::default()
        };
        self.create(&wanted).unwrap();
        path
    }
}

/// Nobody watches.
pub fn ignore(_: Event<'_>) {}

/// Runs a shell line and gives what it prints.
pub fn shell(directory: &Path, line: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", line])
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

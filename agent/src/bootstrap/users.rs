//! The password of `vcap` and `root`, and the keys that may log in as `vcap`.

use warren_wire_agent::settings::BoshEnv;

use crate::files::{self, FileError, Lasting};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::say;

/// Sets them; tells whether there was anything to set.
///
/// # Errors
/// [`FileError`].
pub fn set_up(paths: &Paths, env: &BoshEnv) -> Result<bool, FileError> {
    let mut did = false;
    if !env.password.is_empty() {
        did = true;
        let mut users = vec!["vcap"];
        if !env.keep_root_password {
            users.push("root");
        }
        set_passwords(paths, &users, &env.password.0)?;
    }
    if !env.authorized_keys.is_empty() {
        did = true;
        let home = paths.within("/home/vcap");
        match Owner::user(paths, "vcap") {
            None => say!("bootstrap", "there is no user vcap whose keys could be set"),
            Some(owner) => {
                files::directory(&home.join(".ssh"), 0o700, owner)?;
                let text = format!("{}\n", env.authorized_keys.join("\n"));
                files::write(
                    &home.join(".ssh/authorized_keys"),
                    text.as_bytes(),
                    0o600,
                    owner,
                )?;
            }
        }
    }
    Ok(did)
}

/// In `/etc/shadow` itself: on a command line everybody could read the hash.
fn set_passwords(paths: &Paths, users: &[&str], hash: &str) -> Result<(), FileError> {
    if hash.contains([':', '\n']) {
        say!(
            "bootstrap",
            "the password in the settings is no hash; passwords stay as they are"
        );
        return Ok(());
    }
    let path = paths.within("/etc/shadow");
    let Some(bytes) = files::read_if_there(&path)? else {
        say!(
            "bootstrap",
            "there is no {}; no passwords are set",
            path.display()
        );
        return Ok(());
    };
    let text = String::from_utf8_lossy(&bytes);
    let changed: Vec<String> = text
        .lines()
        .map(|line| with_password(line, users, hash))
        .collect();
    let changed = format!("{}\n", changed.join("\n"));
    if changed.as_bytes() == bytes {
        return Ok(());
    }
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(&path).map_err(files::failed("look at", &path))?;
    let owner = Owner {
        uid: about.uid(),
        gid: about.gid(),
    };
    let mode = about.mode() & 0o777;
    files::replace(&path, changed.as_bytes(), mode, owner, Lasting::Yes)
}

fn with_password(line: &str, users: &[&str], hash: &str) -> String {
    let mut fields: Vec<&str> = line.split(':').collect();
    if fields.len() > 2 && users.contains(&fields[0]) {
        fields[1] = hash;
    }
    fields.join(":")
}

#[cfg(test)]
mod tests {
    use super::with_password;

    #[test]
    fn only_the_named_users_change() {
        assert_eq!(
            with_password("vcap:!:19000::::::", &["vcap"], "$6$x"),
            "vcap:$6$x:19000::::::"
        );
        assert_eq!(with_password("root:*:1:", &["vcap"], "$6$x"), "root:*:1:");
        assert_eq!(with_password("junk", &["junk"], "x"), "junk");
    }
}

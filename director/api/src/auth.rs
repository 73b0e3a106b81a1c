//! Who asks: basic authentication.

use axum::http::HeaderMap;
use warren_lib_https::basic::{credentials, same};

use crate::User;

/// Whom the credentials of a request belong to.
pub(crate) fn user<'u>(headers: &HeaderMap, users: &'u [User]) -> Option<&'u User> {
    let (name, password) = credentials(headers)?;
    // All users are looked at, so that the time tells nothing of who there is.
    users.iter().fold(None, |found, user| {
        match same(&user.name, &name) & same(&user.password, &password) {
            true => Some(user),
            false => found,
        }
    })
}

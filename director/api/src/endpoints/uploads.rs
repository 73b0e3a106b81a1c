//! `POST /releases` and `POST /stemcells`: an archive as the body, or where it is to be had.

use axum::response::Response;
use serde::Deserialize;
use warren_director_store::work::{Source, Upload, Work};

use crate::call::Call;
use crate::enqueue::enqueue_alone;
use crate::failure::Failure;
use crate::route::{Route, Takes, post};
use crate::scopes::Need;
use crate::upload::receive;

pub(super) fn routes() -> Vec<Route> {
    let (release, stemcell) = (
        Need::Scope("bosh.releases.upload"),
        Need::Scope("bosh.stemcells.upload"),
    );
    vec![
        post("/releases", release, |call| from_body(call, What::Release)).takes(Takes::Archive),
        post("/releases", release, |call| from_url(call, What::Release)).takes(Takes::Json),
        post("/stemcells", stemcell, |call| {
            from_body(call, What::Stemcell)
        })
        .takes(Takes::Archive),
        post("/stemcells", stemcell, |call| {
            from_url(call, What::Stemcell)
        })
        .takes(Takes::Json),
    ]
}

#[derive(Clone, Copy)]
enum What {
    Release,
    Stemcell,
}

async fn from_body(mut call: Call, what: What) -> Result<Response, Failure> {
    let path = receive(&mut call).await?;
    let source = Source::Path(path.to_string_lossy().into_owned());
    let sha1 = call.query.some("sha1").map(str::to_owned);
    let answer = upload(&call, what, source, sha1).await;
    if answer.is_err() {
        // No task will take it.
        let _ = tokio::fs::remove_file(&path).await;
    }
    answer
}

#[derive(Deserialize)]
struct Place {
    location: Option<String>,
    #[serde(default)]
    sha1: Option<String>,
}

async fn from_url(mut call: Call, what: What) -> Result<Response, Failure> {
    let place: Place = call.object().await?;
    let Some(location) = place.location.filter(|location| !location.is_empty()) else {
        return Err(Failure::bad(
            40_001,
            "Required property 'location' was not specified",
        ));
    };
    // A path would be one of the director's own files.
    let scheme = location
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(Failure::bad(
            40_005,
            "'location' must be a URL of http or https",
        ));
    }
    let sha1 = place.sha1.filter(|sha1| !sha1.is_empty());
    upload(&call, what, Source::Url(location), sha1).await
}

async fn upload(
    call: &Call,
    what: What,
    source: Source,
    sha1: Option<String>,
) -> Result<Response, Failure> {
    let upload = Upload {
        source,
        sha1,
        fix: call.query.is_true("fix"),
        rebase: call.query.is_true("rebase"),
    };
    match what {
        What::Release => enqueue_alone(call, "create release", Work::UpdateRelease(upload)).await,
        What::Stemcell => {
            enqueue_alone(call, "create stemcell", Work::UpdateStemcell(upload)).await
        }
    }
}

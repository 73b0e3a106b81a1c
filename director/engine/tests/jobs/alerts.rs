//! Whoever listens on the bus hears of deploys when they begin and end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::archives::a_job;
use crate::director::{Director, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn deploys_are_told_of_on_the_bus() {
    let it = Director::start().await;
    let listener = it.listen("hm.director.alert");
    let end = Instant::now() + Duration::from_secs(30);
    // The subscription is there when the first of these arrives.
    while listener.heard().is_empty() {
        assert!(Instant::now() < end, "nothing is heard");
        let bus = &it.scene.engine.bus;
        let _ = bus.publish("hm.director.alert", b"{\"title\":\"probe\"}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    it.release(&[a_job("web", "bbbb", "")]).await;
    let dry = it.update(|deploy| {
        deploy.manifest = Some(manifest(1, ""));
        deploy.dry_run = true;
    });
    dry.await.done();
    it.deploy(&manifest(1, "")).await.done();
    it.refuse("apply");
    let failed = it.deploy(&manifest(2, "")).await;
    assert_eq!(failed.state, "error", "{failed:?}");
    let alerts = loop {
        let mut heard = listener.heard();
        heard.retain(|alert| alert["title"] != "probe");
        if heard.len() >= 4 {
            break heard;
        }
        assert!(Instant::now() < end, "{heard:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let line = |alert: &Value| {
        assert_eq!(alert["id"].as_str().unwrap().len(), 36, "{alert}");
        assert!(
            alert["created_at"].as_i64() > Some(1_700_000_000),
            "{alert}"
        );
        assert_eq!(
            (&alert["source"], &alert["deployment"]),
            (&json!("director"), &json!("d"))
        );
        // As the recorded event of the health monitor has it.
        let text = |key: &str| alert[key].as_str().unwrap().to_owned();
        let severity = alert["severity"].as_i64().unwrap();
        format!(
            "{}. severity {severity}: {}",
            text("title"),
            text("summary")
        )
    };
    let lines: Vec<String> = alerts.iter().map(line).collect();
    let about = "update deployment for 'd' against Director 'd-uuid'";
    let begin = format!("director - begin update deployment. severity 4: Begin {about}");
    let finish = format!("director - finish update deployment. severity 4: Finish {about}");
    assert_eq!(lines[..3], [begin.clone(), finish, begin]);
    let error =
        format!("director - error during update deployment. severity 3: Error during {about}: ");
    assert!(lines[3].starts_with(&error), "{lines:?}");
    assert!(lines[3].contains("apply is refused"), "{lines:?}");
    assert_eq!(lines.len(), 4);
}

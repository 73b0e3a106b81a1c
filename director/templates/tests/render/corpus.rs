//! What public releases do in their templates, in small.

use serde_json::json;
use warren_director_templates::{Error, configuration_hash, pack};

use crate::scene::{archive, one, pool, with};

#[tokio::test]
async fn properties() {
    let pool = pool();
    let context = json!({"properties": {
        "a": {"b": 1, "off": false, "list": [1, 2], "map": {"k": "v"}}, "name": "x"
    }});
    for (template, expected) in [
        (r#"<%= p("a.b") %>"#, "1"),
        (r#"<%= p(["no", "a.b"]) %>"#, "1"),
        (r#"<%= p("no.such", "default") %>"#, "default"),
        (r#"<%= p("no.such", nil).inspect %>"#, "nil"),
        (r#"<%= p("a.off") %>"#, "false"),
        (r#"<%= p("a.map").to_json %>"#, r#"{"k":"v"}"#),
        (r#"<%= p("a.list").join(",") %>"#, "1,2"),
        (r#"<%= properties.a.b %>"#, "1"),
        (r#"<%= properties.nothing.inspect %>"#, "nil"),
        (r#"<%= raw_properties["name"] %>"#, "x"),
        (
            r#"<% if_p("a.b", "name") do |b, name| %><%= b %><%= name %><% end %>"#,
            "1x",
        ),
        (
            r#"<% if_p("no") do |x| %>yes<% end.else do %>else<% end %>"#,
            "else",
        ),
        (
            r#"<% if_p("no") do |x| %>1<% end.else_if_p("a.b") do |x| %>2<% end.else do %>3<% end %>"#,
            "2",
        ),
        (
            r#"<% if_p("a.b") do |x| %>1<% end.else_if_p("name") do |x| %>2<% end.else do %>3<% end %>"#,
            "1",
        ),
        ("<%- if true -%>\nyes\n<%- end -%>\n", "yes\n"),
        ("<%% raw %>", "<% raw %>"),
        (r#"<%= Shellwords.escape("a b") %>"#, "a\\ b"),
        (r#"<%= "".blank? %> <%= [1].present? %>"#, "true true"),
        (r#"<%= {"a" => 1}.to_yaml %>"#, "---\na: 1\n"),
        (
            r#"<%= IPAddr.new("10.0.0.0/8").include?("10.1.1.1") %>"#,
            "true",
        ),
    ] {
        let got = one(&pool, template, context.clone()).await.unwrap();
        assert_eq!(got, expected, "{template}");
    }
}

#[tokio::test]
async fn what_an_instance_knows_of_itself() {
    let pool = pool();
    let context = json!({"spec": {
        "job": {"name": "web"}, "index": 3, "id": "u", "az": "z1", "bootstrap": true,
        "address": "web.bosh", "ip": "10.0.0.5", "deployment": "d",
        "networks": {"default": {"ip": "10.0.0.5", "dns": ["8.8.8.8"]}},
        "release": {"name": "r", "version": "1"},
    }});
    for (template, expected) in [
        ("<%= name %>/<%= index %>", "web/3"),
        (
            "<%= spec.id %> <%= spec.az %> <%= spec.bootstrap %>",
            "u z1 true",
        ),
        ("<%= spec.networks.default.ip %>", "10.0.0.5"),
        ("<%= spec.networks.send('default').dns.first %>", "8.8.8.8"),
        ("<%= spec.networks.to_h.values.first.ip %>", "10.0.0.5"),
        (
            "<%= spec.release.name %> <%= spec.nothing.inspect %>",
            "r nil",
        ),
    ] {
        let got = one(&pool, template, context.clone()).await.unwrap();
        assert_eq!(got, expected, "{template}");
    }
}

#[tokio::test]
async fn links() {
    let pool = pool();
    let context = json!({"links": {
        "peers": {
            "instances": [
                {"name": "web", "index": 0, "id": "u0", "az": "z1", "address": "a0", "bootstrap": true},
                {"name": "web", "index": 1, "id": "u1", "az": "z2", "address": "a1", "bootstrap": false},
            ],
            "properties": {"port": 2181, "deep": {"er": "x"}},
            "names": {"short": false, "az_ids": {"z1": "1", "z2": "2"}, "instance_group": "web",
                      "network": "default", "deployment": "d", "domain": "bosh"},
        },
        "short": {
            "instances": [], "properties": {},
            "names": {"short": true, "group_id": "7", "az_ids": {"z1": "1"}, "domain": "bosh"},
        },
        "manual": {"instances": [], "address": "example.com"},
    }});
    for (template, expected) in [
        (
            r##"<%= link("peers").instances.map { |i| "#{i.index}=#{i.address}" }.join(",") %>"##,
            "0=a0,1=a1",
        ),
        (r#"<%= link("peers").p("port") %>"#, "2181"),
        (r#"<%= link("peers").p("no", 5) %>"#, "5"),
        (r#"<%= link("peers").properties["deep"]["er"] %>"#, "x"),
        (r#"<%= link("peers").instances.first.bootstrap %>"#, "true"),
        (r#"<%= link("peers").address %>"#, "q-s0.web.default.d.bosh"),
        (
            r#"<%= link("peers").address(azs: ["z2", "z1"], status: "healthy") %>"#,
            "q-a1a2s3.web.default.d.bosh",
        ),
        (
            r#"<%= link("short").address(azs: ["z1"]) %>"#,
            "q-a1s0.q-g7.bosh",
        ),
        (
            r#"<%= link("manual").address(azs: ["z1"]) %>"#,
            "example.com",
        ),
        (
            r#"<% if_link("no") do |l| %>1<% end.else_if_link("peers") do |l| %><%= l.p("port") %><% end.else do %>3<% end %>"#,
            "2181",
        ),
        (
            r#"<% link("peers").if_p("port") do |port| %><%= port %><% end %>"#,
            "2181",
        ),
    ] {
        let got = one(&pool, template, context.clone()).await.unwrap();
        assert_eq!(got, expected, "{template}");
    }
}

#[tokio::test]
async fn errors_have_stocks_words() {
    let pool = pool();
    for (template, expected) in [
        (
            "\n\n<%= p('a.b') %>",
            "Error filling in template 'f.erb' (line 3: Can't find property '[\"a.b\"]')",
        ),
        (
            "<%= p(['a', 'b']) %>",
            "Error filling in template 'f.erb' (line 1: Can't find property '[\"a\", \"b\"]')",
        ),
        (
            "<%= link('db') %>",
            "Error filling in template 'f.erb' (line 1: Can't find link 'db')",
        ),
        (
            "1\n<% raise 'no' %>",
            "Error filling in template 'f.erb' (line 2: no)",
        ),
    ] {
        let error = one(&pool, template, json!({})).await.unwrap_err();
        let Error::Templates { job, errors } = error else {
            panic!("{error}");
        };
        assert_eq!(
            (job.as_str(), errors[0].to_string().as_str()),
            ("web", expected)
        );
    }
    // A syntax error has a line too; its text is Ruby's own.
    let error = one(&pool, "1\n<% if %>", json!({})).await.unwrap_err();
    assert!(error.to_string().contains("(line 2: "), "{error}");
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let pool = pool();
    let archive = archive(&[
        ("monit", b"<%= p('m') %>".as_slice()),
        ("templates/a", b"<%= p('a') %>"),
        ("templates/b", b"fine"),
    ]);
    let error = with(&pool, &archive, &["a", "b"], json!({}))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Unable to render templates for job 'web'. Errors are:\n  \
         - Error filling in template 'monit' (line 1: Can't find property '[\"m\"]')\n  \
         - Error filling in template 'a' (line 1: Can't find property '[\"a\"]')"
    );
    let error = with(&pool, &archive, &["c"], json!({})).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the archive of job 'web' has no templates/c: upload its release again with --fix"
    );
}

#[tokio::test]
async fn the_same_jobs_give_the_same_archive() {
    let pool = pool();
    let archive = archive(&[
        ("monit", b"check <%= p('x') %>".as_slice()),
        ("other.monit", b"check other"),
        ("templates/a", b"a <%= p('x') %>"),
    ]);
    let context = json!({"properties": {"x": 1}});
    let one = with(&pool, &archive, &["a"], context.clone())
        .await
        .unwrap();
    let two = with(&pool, &archive, &["a"], context).await.unwrap();
    assert_eq!(one.monit, b"check 1");
    assert_eq!(one.other_monit[0].destination, "other.monit");
    let three = with(&pool, &archive, &["a"], json!({"properties": {"x": 2}}))
        .await
        .unwrap();
    let [one, two, three] = [[one], [two], [three]];
    assert_eq!(configuration_hash(&one), configuration_hash(&two));
    assert_ne!(configuration_hash(&one), configuration_hash(&three));
    assert_eq!(pack(&one).unwrap(), pack(&two).unwrap());
    let listed = std::process::Command::new("tar")
        .arg("-tzf")
        .arg({
            let path =
                std::env::temp_dir().join(format!("warren-templates-{}", std::process::id()));
            std::fs::write(&path, pack(&one).unwrap().archive).unwrap();
            path
        })
        .output()
        .unwrap();
    std::fs::remove_file(
        std::env::temp_dir().join(format!("warren-templates-{}", std::process::id())),
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(listed.stdout).unwrap(),
        "./web/\n./web/monit\n./web/other.monit\n./web/config/\n./web/config/a\n"
    );
}

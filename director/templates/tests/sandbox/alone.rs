//! A template has its properties and nothing else: not the director's files, not the network, not what
//! other jobs were given.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;

use crate::scene::one;
use crate::workers::{pool, pool_by, said, ways};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn neither_files_nor_network_on_any_rung() {
    // As a director's home, but that anybody may read it.
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let secrets = home.path().join("secrets.json");
    std::fs::write(&secrets, "swordfish").unwrap();
    let secrets = secrets.to_str().unwrap();
    let directory = home.path().to_str().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (tcp, udp_port) = (
        tcp.local_addr().unwrap().port(),
        udp.local_addr().unwrap().port(),
    );
    let me = std::process::id();
    for (name, before) in ways() {
        let pool = pool_by(before, PATIENCE);
        for template in [
            format!("<%= File.read('{secrets}') %>"),
            "<%= File.read('/etc/shadow') %>".to_owned(),
            "<%= File.read('/root/.bashrc') %>".to_owned(),
            format!("<%= File.read('/proc/{me}/environ') %>"),
            "<%= Dir.children('/var/log') %>".to_owned(),
            format!("<%= File.write('{directory}/new', 'x') %>"),
            format!("<%= File.open('{secrets}', 'a') %>"),
            format!("<%= File.rename('{secrets}', '{secrets}.old') %>"),
            format!("<%= File.delete('{secrets}') %>"),
            "<%= File.write('/tmp/new', 'x') %>".to_owned(),
            "<%= Tempfile.new('x').path %>".to_owned(),
            "<%= Dir.mkdir('/new') %>".to_owned(),
            format!("<% require 'socket' %><%= TCPSocket.new('127.0.0.1', {tcp}) %>"),
            format!(
                "<% require 'socket' %><%= UDPSocket.new.send('x', 0, '127.0.0.1', {udp_port}) %>"
            ),
            "<% require 'socket' %><%= UNIXSocket.new('/run/x.sock') %>".to_owned(),
            "<% require 'net/http' %><%= Net::HTTP.get(URI('http://127.0.0.1/')) %>".to_owned(),
            "<%= Resolv.getaddress('example.com') rescue raise($!.message) %>".to_owned(),
            "<%= system('id') %>".to_owned(),
            "<%= `id` %>".to_owned(),
            "<%= IO.popen('id').read %>".to_owned(),
            "<%= Process.spawn('id') %>".to_owned(),
            "<%= fork { } %>".to_owned(),
        ] {
            let error = one(&pool, &template, json!({})).await;
            assert!(error.is_err(), "{name}: {template} gives {error:?}");
            let error = error.unwrap_err().to_string();
            assert!(
                error.contains("job 'web'") && error.contains("'f.erb'"),
                "{name}: {template}: {error}"
            );
        }
        assert_eq!(said(&pool, "<%= p('n') %>").await, "1", "{name}");
        let seen = said(&pool, "<%= ENV.keys.sort.join(' ') %>").await;
        assert_eq!(seen, "LANG LC_ALL PATH", "{name}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    udp.set_nonblocking(true).unwrap();
    assert!(udp.recv(&mut [0; 9]).is_err(), "a packet came out");
}

#[tokio::test]
async fn nothing_stays_for_the_next_job() {
    for (name, before) in ways() {
        let pool = pool_by(before, PATIENCE);
        for left in [
            "<% $left = p('secret') %>",
            "<% LEFT = p('secret') %>",
            "<% class ::Object; def p(*) = 'mine'; end; Properties.define_method(:p) { |*| 'mine' } %>",
            "<% class ::ERB; def self.new(*) = raise('mine'); end %>",
            "<% ENV['LEFT'] = p('secret'); ENV.delete('PATH') %>",
            "<% at_exit { puts 'left' }; Dir.chdir('/usr'); File.umask(0) %>",
            "<% trap('CHLD') { }; srand(1); GC.disable; ObjectSpace.define_finalizer(+'x', proc { exit! }) %>",
            "<% Encoding.default_internal = 'UTF-16'; $, = 'x'; $/ = 'y'; $stderr = nil %>",
            "<% STDERR.close; STDOUT.close; $stdin.close %>",
            "<% Process.setrlimit(:AS, 1 << 27) %>",
        ] {
            said(&pool, left).await;
            // What others were given is in no memory; the word is not in the question either.
            let found = "<% w = 'sword' + 'fish' %><%= [$left, defined?(::LEFT), ENV['LEFT'], p('n'), Dir.pwd, \
                         ObjectSpace.each_object(String).count { |s| !s.equal?(w) && s.include?(w) rescue false }] \
                         .inspect %>";
            let seen = one(&pool, found, json!({"properties": {"n": 1}}))
                .await
                .unwrap();
            assert_eq!(seen, "[nil, nil, nil, 1, \"/\", 0]", "{name}: {left}");
        }
    }
}

/// Whatever a template writes to whichever descriptor is its own job's answer at most.
#[tokio::test]
async fn nobody_answers_for_another_job() {
    let pool = pool();
    let forged = r##"<% line = "{\"files\":[{\"text\":\"forged\"},{\"text\":\"forged\"}]}\n"
        (3..30).each { |n| begin; io = IO.for_fd(n, 'w', autoclose: false); io.write(line * 3); io.flush
          rescue SystemCallError, ArgumentError, IOError; end }
        if fork_bomb = p('n') == 2 then exit!(0) end %>true"##;
    for _ in 0..3 {
        said(&pool, forged).await;
        assert_eq!(said(&pool, "<%= p('n') %>").await, "1");
        said(
            &pool,
            "<% ANSWERS.write(%({\"rendering\":0}\\n) * 1000 + 'half a line') %>",
        )
        .await;
        assert_eq!(said(&pool, "<%= p('n') %>").await, "1");
        said(
            &pool,
            "<% ANSWERS.write(%(ended\\n)); ANSWERS.close; CONTROL.write(%(ended\\n)) %>",
        )
        .await;
        assert_eq!(said(&pool, "<%= p('n') %>").await, "1");
    }
}

/// What a template says on standard error is in no other job's error.
#[tokio::test]
async fn last_words_are_ones_own() {
    let pool = pool();
    said(&pool, "<% $stderr.puts p('secret') %>").await;
    let error = said(&pool, "<% exit! %>").await;
    assert_eq!(
        error,
        "the template worker ended while it rendered template 'f.erb' of job 'web'"
    );
}

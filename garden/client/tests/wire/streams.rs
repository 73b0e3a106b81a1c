//! Tar archives in and out.

use std::io::{self, Read, Write};

use warren_garden_client::Error;

use crate::server::{Script, Server, answer, read_all, read_until};

/// Reads chunks up to the last one; `None` if the client hangs up before.
fn chunks(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let line = read_until(stream, "\r\n");
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).unwrap();
        assert_eq!(chunk.split_off(size), b"\r\n");
        if size == 0 {
            return data;
        }
        data.extend(chunk);
    }
}

#[test]
fn in_as_chunks() {
    let (tell, told) = std::sync::mpsc::channel();
    let script: Script = Box::new(move |stream| {
        tell.send(chunks(stream)).unwrap();
        stream.write_all(&answer(200, "{}\n")).unwrap();
    });
    let server = Server::new(vec![script]);
    let data: Vec<u8> = (0..1_000_000u32)
        .map(|number| (number % 251) as u8)
        .collect();
    server
        .client
        .stream_in("h", "vcap", "some where/", data.as_slice())
        .unwrap();
    let request = server.request();
    let expected = "PUT /containers/h/files?destination=some+where%2F&user=vcap HTTP/1.1\r\n\
        Host: api\r\nConnection: close\r\nContent-Type: application/x-tar\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request, expected);
    assert!(told.recv().unwrap() == data);
    server.finish();
}

struct Breaking(usize);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("broken disk"));
        }
        self.0 -= 1;
        buffer.fill(b'x');
        Ok(buffer.len())
    }
}

#[test]
fn a_source_that_fails_never_looks_complete() {
    let (tell, told) = std::sync::mpsc::channel();
    let script: Script = Box::new(move |stream| tell.send(read_all(stream)).unwrap());
    let server = Server::new(vec![script]);
    let error = server
        .client
        .stream_in("h", "", "/", Breaking(2))
        .unwrap_err();
    assert!(matches!(error, Error::Source(_)), "{error:?}");
    let got = told.recv().unwrap();
    assert!(!got.ends_with(b"0\r\n\r\n"));
    server.finish();
}

#[test]
fn a_refusal_in_the_middle_is_told() {
    let script: Script = Box::new(|stream| {
        let body = r#"{"Message":"stream-in: nstar: error streaming in: exit status 2"}"#;
        stream.write_all(&answer(500, body)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // A server that reads on lets its answer arrive; it takes no harm from the rest.
        io::copy(stream, &mut io::sink()).unwrap();
    });
    let server = Server::new(vec![script]);
    let error = server
        .client
        .stream_in("h", "", "/", Breaking(1).take(1 << 17))
        .unwrap_err();
    let said = error.refusal().unwrap().to_string();
    assert!(said.contains("error streaming in"), "{said}");
    server.finish();
}

#[test]
fn a_server_that_hangs_up_is_told() {
    let server = Server::new(vec![Box::new(|_| {})]);
    let error = server
        .client
        .stream_in("h", "", "/", io::repeat(0).take(100 << 20))
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Send {
                call: "StreamIn",
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn out_and_its_end() {
    let server = Server::saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntar\r\n0\r\n\r\n",
    );
    let mut body = server.client.stream_out("h", "root", "/a b/").unwrap();
    let mut text = String::new();
    body.read_to_string(&mut text).unwrap();
    assert_eq!(text, "tar");
    assert!(
        server
            .request()
            .starts_with("GET /containers/h/files?source=%2Fa+b%2F&user=root HTTP/1.1\r\n")
    );
    // Cut off.
    let server =
        Server::saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntar\r\n");
    let mut body = server.client.stream_out("h", "root", "/").unwrap();
    let error = body.read_to_string(&mut text).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

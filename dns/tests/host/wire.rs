//! Queries and answers as a client writes and reads them, apart from the code under test.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

pub const A: u16 = 1;
pub const PTR: u16 = 12;
pub const AAAA: u16 = 28;

/// A query with a number.
pub fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    pub code: u8,
    pub cut: bool,
    pub addresses: Vec<String>,
    pub names: Vec<String>,
    pub ttl: Option<u32>,
}

fn name(bytes: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    let mut end = None;
    loop {
        let length = usize::from(bytes[at]);
        if length >= 192 {
            end = end.or(Some(at + 2));
            at = (length & 63) << 8 | usize::from(bytes[at + 1]);
            continue;
        }
        at += 1;
        if length == 0 {
            return (labels.join("."), end.unwrap_or(at));
        }
        labels.push(String::from_utf8_lossy(&bytes[at..at + length]).into_owned());
        at += length;
    }
}

/// Reads an answer to a query.
pub fn read(asked: &[u8], bytes: &[u8]) -> Said {
    assert_eq!(bytes[..2], asked[..2], "the number is that of the query");
    assert_eq!(
        bytes[12..asked.len()],
        asked[12..],
        "the question is that of the query"
    );
    let mut said = Said {
        code: bytes[3] & 15,
        cut: bytes[2] & 2 != 0,
        ..Said::default()
    };
    let mut at = asked.len();
    for _ in 0..u16::from_be_bytes([bytes[6], bytes[7]]) {
        let (_, fixed) = name(bytes, at);
        let kind = u16::from_be_bytes([bytes[fixed], bytes[fixed + 1]]);
        said.ttl = Some(u32::from_be_bytes(
            bytes[fixed + 4..fixed + 8].try_into().unwrap(),
        ));
        let length = usize::from(u16::from_be_bytes([bytes[fixed + 8], bytes[fixed + 9]]));
        let data = &bytes[fixed + 10..fixed + 10 + length];
        match kind {
            A => said
                .addresses
                .push(Ipv4Addr::from(<[u8; 4]>::try_from(data).unwrap()).to_string()),
            AAAA => {
                let bits = <[u8; 16]>::try_from(data).unwrap();
                said.addresses
                    .push(std::net::Ipv6Addr::from(bits).to_string());
            }
            PTR => said.names.push(name(bytes, fixed + 10).0),
            _ => {}
        }
        at = fixed + 10 + length;
    }
    said.addresses.sort();
    said
}

/// Asks once over UDP; none if nothing comes in time.
pub fn udp(socket: &UdpSocket, server: SocketAddr, asked: &[u8], limit: Duration) -> Option<Said> {
    socket.set_read_timeout(Some(limit)).unwrap();
    socket.send_to(asked, server).unwrap();
    let mut buffer = [0; 65535];
    loop {
        let (count, from) = socket.recv_from(&mut buffer).ok()?;
        if from == server && buffer[..2] == asked[..2] {
            return Some(read(asked, &buffer[..count]));
        }
    }
}

/// Asks over a connection.
pub fn tcp(stream: &mut TcpStream, asked: &[u8]) -> std::io::Result<Said> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let length = u16::try_from(asked.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], asked].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut bytes)?;
    Ok(read(asked, &bytes))
}

//! Cloud properties of machines: limits and ports.
//!
//! | key | meaning |
//! |---|---|
//! | `cpu` | so many processors' weight: 1024 shares each |
//! | `ram` | MiB of memory, swap included |
//! | `ephemeral_disk` | MiB that may be written to the root file system; `/var/vcap/data` is not counted |
//! | `ports[]` | `{host, container?, protocol?}`: `tcp` (default) or `udp` ports of the host; numbers, texts, ranges `a-b`, `a:b` |
//!
//! Others are ignored, as the stock CPI does.

use serde_json::{Map, Value, json};
use warren_wire_garden::limits::{CpuLimits, DiskLimitScope, DiskLimits, Limits, MemoryLimits};
use warren_wire_garden::network::{NetIn, Transport};

use crate::Error;

/// Shares of one processor.
const SHARES: u64 = 1024;
/// The most ports that one machine may have mapped.
const MOST_PORTS: usize = 4096;

/// What Garden is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Limits.
    pub limits: Limits,
    /// Ports.
    pub ports: Vec<NetIn>,
}

/// Reads a machine's properties.
///
/// # Errors
/// A value that cannot be; a protocol other than TCP is not supported.
pub fn read(properties: &Map<String, Value>) -> Result<Wishes, Error> {
    let mebibytes = |key| {
        let number = number(properties, key)?;
        number
            .checked_mul(1 << 20)
            .ok_or_else(|| Error::Value(format!("cloud property '{key}' is too large")))
    };
    let shares = number(properties, "cpu")?.checked_mul(SHARES);
    let shares =
        shares.ok_or_else(|| Error::Value("cloud property 'cpu' is too large".to_owned()))?;
    let limits = Limits {
        cpu: CpuLimits {
            limit_in_shares: shares,
            ..CpuLimits::default()
        },
        memory: MemoryLimits {
            limit_in_bytes: mebibytes("ram")?,
        },
        disk: DiskLimits {
            byte_hard: mebibytes("ephemeral_disk")?,
            scope: DiskLimitScope::EXCLUSIVE,
            ..DiskLimits::default()
        },
        ..Limits::default()
    };
    let limits = match limits.disk.byte_hard {
        0 => Limits {
            disk: DiskLimits::default(),
            ..limits
        },
        _ => limits,
    };
    Ok(Wishes {
        limits,
        ports: ports(properties)?,
    })
}

/// The properties of a machine of this size.
///
/// # Errors
/// A number is missing or none.
pub fn of_size(requirements: &Map<String, Value>) -> Result<Value, Error> {
    for key in ["cpu", "ram", "ephemeral_disk_size"] {
        if number(requirements, key)? == 0 {
            return Err(Error::Value(format!("'{key}' must be a number above 0")));
        }
    }
    Ok(json!({
        "cpu": requirements.get("cpu"),
        "ram": requirements.get("ram"),
        "ephemeral_disk": requirements.get("ephemeral_disk_size"),
    }))
}

/// A number; 0 if there is none.
fn number(properties: &Map<String, Value>, key: &str) -> Result<u64, Error> {
    match properties.get(key) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value.as_u64().ok_or_else(|| {
            Error::Value(format!(
                "cloud property '{key}' must be a number, got {value}"
            ))
        }),
    }
}

fn ports(properties: &Map<String, Value>) -> Result<Vec<NetIn>, Error> {
    let wrong = |text: String| Error::Value(format!("cloud property 'ports': {text}"));
    let list = match properties.get("ports") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong(format!("expected a list, got {other}"))),
    };
    let mut found = Vec::new();
    for entry in list {
        let protocol = match entry.get("protocol").unwrap_or(&Value::Null) {
            Value::Null => Transport::Tcp,
            Value::String(text) if text == "tcp" => Transport::Tcp,
            Value::String(text) if text == "udp" => Transport::Udp,
            other => return Err(wrong(format!("protocol {other} is neither tcp nor udp"))),
        };
        let host = entry.get("host").unwrap_or(&Value::Null);
        let inside = entry.get("container").filter(|value| !value.is_null());
        let range = |value: &Value| {
            range(value).ok_or_else(|| wrong(format!("expected a port or a range, got {value}")))
        };
        let host = range(host)?;
        let inside = inside.map_or(Ok(host), range)?;
        if host.1 - host.0 != inside.1 - inside.0 || (host.0 != host.1 && host != inside) {
            return Err(wrong("a range must be the same on both sides".to_owned()));
        }
        found.extend(
            (host.0..=host.1)
                .zip(inside.0..=inside.1)
                .map(|(host, inside)| NetIn {
                    host_port: host.into(),
                    container_port: inside.into(),
                    protocol,
                }),
        );
        if found.len() > MOST_PORTS {
            return Err(wrong(format!("more than {MOST_PORTS} ports")));
        }
    }
    Ok(found)
}

/// One port or the first and last of a range.
fn range(value: &Value) -> Option<(u16, u16)> {
    let port = |text: &str| text.trim().parse().ok().filter(|port| *port > 0);
    match value {
        Value::Number(number) => {
            let port = port(&number.to_string())?;
            Some((port, port))
        }
        Value::String(text) => match text.split_once(['-', ':']) {
            Some((first, last)) => {
                let (first, last) = (port(first)?, port(last)?);
                (first <= last).then_some((first, last))
            }
            None => port(text).map(|port| (port, port)),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(value: Value) -> Result<Wishes, Error> {
        read(value.as_object().unwrap())
    }

    #[test]
    fn what_is_calculated_is_understood() {
        let size = json!({"cpu": 2, "ram": 512, "ephemeral_disk_size": 1024});
        let properties = of_size(size.as_object().unwrap()).unwrap();
        let limits = wishes(properties).unwrap().limits;
        assert_eq!(limits.cpu.limit_in_shares, 2048);
        assert_eq!(limits.memory.limit_in_bytes, 512 << 20);
        assert_eq!(limits.disk.byte_hard, 1 << 30);
        assert!(of_size(json!({"cpu": 1}).as_object().unwrap()).is_err());
    }

    #[test]
    fn nothing_said_is_nothing_limited() {
        assert_eq!(wishes(json!({"other": 1})).unwrap(), Wishes::default());
    }

    #[test]
    fn ports_are_numbers_texts_and_ranges() {
        let found = wishes(
            json!({"ports": [{"host": 80, "container": "8080"}, {"host": "5-7"},
            {"host": "9:9", "protocol": "tcp"}]}),
        )
        .unwrap()
        .ports;
        let pairs: Vec<_> = found
            .iter()
            .map(|port| (port.host_port, port.container_port))
            .collect();
        assert_eq!(pairs, [(80, 8080), (5, 5), (6, 6), (7, 7), (9, 9)]);
        assert!(found.iter().all(|port| port.protocol == Transport::Tcp));
        let ports = json!({"ports": [{"host": "53-54", "protocol": "udp"}]});
        let found = wishes(ports).unwrap().ports;
        let udp = |host_port| NetIn {
            host_port,
            container_port: host_port,
            protocol: Transport::Udp,
        };
        assert_eq!(found, [udp(53), udp(54)]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            json!({"ports": 1}),
            json!({"ports": [{}]}),
            json!({"ports": [{"host": 0}]}),
            json!({"ports": [{"host": 70_000}]}),
            json!({"ports": [{"host": "7-5"}]}),
            json!({"ports": [{"host": "5-7", "container": "6-8"}]}),
            json!({"ports": [{"host": "1-65535"}]}),
            json!({"ports": [{"host": 53, "protocol": "icmp"}]}),
            json!({"ports": [{"host": 53, "protocol": 17}]}),
            json!({"ram": "x"}),
            json!({"ram": u64::MAX}),
            json!({"cpu": -1}),
        ] {
            assert!(wishes(bad.clone()).is_err(), "{bad}");
        }
    }
}

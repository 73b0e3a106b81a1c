//! Captures of packets in the format of `tcpdump -w`: read as they come, written as one. Pure.
//!
//! ```text
//! file    magic 4  version 2+2  zone 4  precision 4  longest packet 4  kind of link 4
//! packet  seconds 4  fraction 4  bytes here 4  bytes on the wire 4  the bytes
//! ```
//!
//! The magic says in which order numbers are and whether the fraction is of micro- or nanoseconds;
//! what is written is little-endian, in microseconds. Source: pcap-savefile(5).

/// The longest packet that anybody captures.
const MOST_BYTES: u32 = 262_144;
const HEADER: usize = 24;
const RECORD: usize = 16;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Bytes that are no capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// They do not begin like one.
    #[error("Expected a capture of packets, but it begins with {0:#010x}")]
    Magic(u32),
    /// A packet is longer than any.
    #[error("Expected packets of at most {MOST_BYTES} bytes, but one has {0}")]
    TooLong(u32),
}

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Since 1970.
    pub seconds: u32,
    /// Of the second.
    pub microseconds: u32,
    /// On the wire.
    pub length: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// How numbers are written.
#[derive(Debug, Clone, Copy)]
struct Order {
    is_big: bool,
    is_nano: bool,
}

/// Takes one capture in pieces.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
    order: Option<Order>,
    link: Option<u32>,
}

fn number(bytes: &[u8], at: usize, is_big: bool) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(match is_big {
        true => u32::from_be_bytes(four),
        false => u32::from_le_bytes(four),
    })
}

impl Reader {
    /// Takes more bytes; each whole packet is given to `see`.
    ///
    /// # Errors
    /// [`CaptureError`]: nothing that follows means anything.
    pub fn push(
        &mut self,
        bytes: &[u8],
        see: &mut dyn FnMut(Packet<'_>),
    ) -> Result<(), CaptureError> {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(taken) = self.take(at, see)? {
            at += taken;
        }
        self.rest.drain(..at);
        Ok(())
    }

    /// The kind of link, as soon as it is known.
    pub fn link(&self) -> Option<u32> {
        self.link
    }

    /// Takes the header or a packet, if it is whole; how many bytes that is.
    fn take(
        &mut self,
        at: usize,
        see: &mut dyn FnMut(Packet<'_>),
    ) -> Result<Option<usize>, CaptureError> {
        let rest = self.rest.get(at..).unwrap_or_default();
        let Some(order) = self.order else {
            let (Some(little), Some(big)) = (number(rest, 0, false), number(rest, 0, true)) else {
                return Ok(None);
            };
            let order = match (little, big) {
                (MICROSECONDS, _) => (false, false),
                (NANOSECONDS, _) => (false, true),
                (_, MICROSECONDS) => (true, false),
                (_, NANOSECONDS) => (true, true),
                (other, _) => return Err(CaptureError::Magic(other)),
            };
            let (is_big, is_nano) = order;
            let Some(link) = number(rest, 20, is_big) else {
                return Ok(None);
            };
            self.order = Some(Order { is_big, is_nano });
            self.link = Some(link);
            return Ok(Some(HEADER));
        };
        let of = |at| number(rest, at, order.is_big);
        let (Some(seconds), Some(fraction), Some(here), Some(length)) =
            (of(0), of(4), of(8), of(12))
        else {
            return Ok(None);
        };
        if here > MOST_BYTES {
            return Err(CaptureError::TooLong(here));
        }
        // It fits: see above.
        let end = RECORD + here as usize;
        let Some(bytes) = rest.get(RECORD..end) else {
            return Ok(None);
        };
        let microseconds = if order.is_nano {
            fraction / 1000
        } else {
            fraction
        };
        see(Packet {
            seconds,
            microseconds,
            length,
            bytes,
        });
        Ok(Some(end))
    }
}

/// What a capture of this kind of link begins with.
pub fn header(link: u32) -> Vec<u8> {
    let mut bytes = MICROSECONDS.to_le_bytes().to_vec();
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(4u16.to_le_bytes());
    for number in [0, 0, MOST_BYTES, link] {
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

impl Packet<'_> {
    /// As it is written.
    pub fn record(&self) -> Vec<u8> {
        let here = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(RECORD + self.bytes.len());
        for number in [self.seconds, self.microseconds, here, self.length] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend_from_slice(self.bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that a capture has, read in pieces of this length.
    fn read(bytes: &[u8], cut: usize) -> Result<(Option<u32>, Vec<u8>), CaptureError> {
        let (mut reader, mut seen) = (Reader::default(), Vec::new());
        for piece in bytes.chunks(cut) {
            reader.push(piece, &mut |packet| seen.extend(packet.record()))?;
        }
        Ok((reader.link(), seen))
    }

    #[test]
    fn both_orders_and_both_clocks_are_read() {
        let packet = Packet {
            seconds: 1,
            microseconds: 2,
            length: 60,
            bytes: b"abc",
        };
        let mut big: Vec<u8> = NANOSECONDS.to_be_bytes().to_vec();
        big.extend([0, 2, 0, 4]);
        for number in [0u32, 0, 100, 113, 1, 2_000, 3, 60] {
            big.extend(number.to_be_bytes());
        }
        big.extend(b"abc");
        assert_eq!(read(&big, 7).unwrap(), (Some(113), packet.record()));
        let mut wrong = header(1);
        wrong[0] = 0;
        assert!(matches!(read(&wrong, 9), Err(CaptureError::Magic(_))));
        let mut wrong = header(1);
        wrong.extend([0xff; 16]);
        assert_eq!(read(&wrong, 9), Err(CaptureError::TooLong(u32::MAX)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            packets in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..50)), 0..20),
            cut in 1usize..40,
            link: u32,
        ) {
            let mut records = Vec::new();
            for (seconds, bytes) in &packets {
                let packet = Packet { seconds: *seconds, microseconds: 5, length: 99, bytes };
                records.extend(packet.record());
            }
            let whole = [header(link), records.clone()].concat();
            prop_assert_eq!(read(&whole, cut), Ok((Some(link), records)));
        }

        #[test]
        fn any_bytes_are_a_capture_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 1usize..40) {
            let _ = read(&bytes, cut);
            let _ = read(&[header(1), bytes].concat(), cut);
        }
    }
}

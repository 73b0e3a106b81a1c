//! What a client says on the control socket, as steps for the shim.
//!
//! Reading never stops for long: input that the process does not read waits here, up to
//! [`MOST_WAITING`] bytes, and signals go to the shim by another way, so that they overtake it.

use warren_wire_garden::hijack::{ClientMessage, DecodeError, Decoder};
use warren_wire_garden::process::Signal;

/// Bytes of input that may wait for the process before the client is held back.
pub const MOST_WAITING: usize = 8 << 20;

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes for the process's input.
    Stdin(Vec<u8>),
    /// The end of its input.
    StdinEnd,
    /// The size of its terminal.
    Window {
        /// Characters in a line.
        columns: u16,
        /// Lines.
        rows: u16,
    },
    /// A Unix signal.
    Signal(i32),
}

/// The client cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Bytes that are no message, and where the next begins cannot be told.
    #[error("the control stream cannot be read any further")]
    Stream(#[source] DecodeError),
    /// Input that was damaged on its way. Passing over it would lose it in silence.
    #[error("input for the process is damaged")]
    Input(#[source] warren_wire_garden::hijack::BadInput),
}

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// Takes `input` apart. Messages nobody knows are passed over.
///
/// # Errors
/// [`ControlError`]; `steps` has what came before.
pub fn read(
    decoder: &mut Decoder,
    mut input: &[u8],
    steps: &mut Vec<Step>,
) -> Result<(), ControlError> {
    loop {
        let payload = match decoder.next(&mut input) {
            Ok(Some(payload)) => payload,
            Ok(None) => return Ok(()),
            Err(error) if error.is_fatal() => return Err(ControlError::Stream(error)),
            Err(_odd) => continue,
        };
        steps.extend(
            match ClientMessage::from_payload(payload).map_err(ControlError::Input)? {
                ClientMessage::Stdin(bytes) => Some(Step::Stdin(bytes)),
                ClientMessage::StdinEnd => Some(Step::StdinEnd),
                ClientMessage::Tty(tty) => {
                    let (columns, rows) = tty.size();
                    Some(Step::Window { columns, rows })
                }
                ClientMessage::Signal(Signal::TERMINATE) => Some(Step::Signal(SIGTERM)),
                ClientMessage::Signal(Signal::KILL) => Some(Step::Signal(SIGKILL)),
                ClientMessage::Signal(_) | ClientMessage::Unknown => None,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = br#"{"source":0,"data":"a\n"}
{"process_id":"p","source":0,"data":"x","data_base64":"/wA="}
{"odd":true} {"tty":{"window_size":{"columns":10,"rows":0}}}
{"source":0}{"signal":0}{"signal":1}{"signal":7}"#;

    fn expected() -> Vec<Step> {
        vec![
            Step::Stdin(b"a\n".to_vec()),
            Step::Stdin(vec![0xff, 0]),
            Step::Window {
                columns: 10,
                rows: 24,
            },
            Step::StdinEnd,
            Step::Signal(15),
            Step::Signal(9),
        ]
    }

    proptest! {
        #[test]
        fn messages_are_the_same_however_they_are_cut(size in 1_usize..200) {
            let mut decoder = Decoder::default();
            let mut steps = Vec::new();
            for piece in TEXT.chunks(size) {
                read(&mut decoder, piece, &mut steps).unwrap();
            }
            prop_assert_eq!(steps, expected());
        }
    }

    #[test]
    fn damaged_input_is_told() {
        let mut steps = Vec::new();
        let text = br#"{"source":0,"data":"a"}{"source":0,"data_base64":"?"}"#;
        let error = read(&mut Decoder::default(), text, &mut steps).unwrap_err();
        assert!(matches!(error, ControlError::Input(_)));
        assert_eq!(steps, [Step::Stdin(b"a".to_vec())]);
        let error = read(&mut Decoder::default(), b"x", &mut steps).unwrap_err();
        assert!(matches!(error, ControlError::Stream(_)));
    }
}

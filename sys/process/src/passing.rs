//! Messages over a socket that keeps them whole, with a descriptor that comes along.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Sends a message.
///
/// # Errors
/// The kernel's; `EPIPE` if the other end is gone, which raises no signal.
pub fn send(to: impl AsFd, bytes: &[u8], with: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = with.into_iter().collect();
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let parts = [IoSlice::new(bytes)];
    loop {
        match sendmsg(&to, &parts, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            sent => return sent.map(|_length| ()),
        }
    }
}

/// Waits for a message; its length, and what came with it, which is closed when a program is executed.
/// 0 if the other end is gone. What has no room in `bytes` is lost.
///
/// # Errors
/// The kernel's.
pub fn receive(from: impl AsFd, bytes: &mut [u8]) -> Result<(usize, Option<OwnedFd>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let length = loop {
        let mut parts = [IoSliceMut::new(bytes)];
        match recvmsg(&from, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received.bytes,
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => break 0,
            Err(errno) => return Err(errno),
        }
    };
    let mut descriptor = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            descriptor = descriptors.into_iter().next();
        }
    }
    Ok((length, descriptor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_message_comes_whole_and_with_its_descriptor() {
        let (one, other) = UnixDatagram::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        send(&one, b"first", Some(null.as_fd())).unwrap();
        send(&one, b"second", None).unwrap();
        let mut bytes = [0; 64];
        let (length, descriptor) = receive(&other, &mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"first");
        let file = std::fs::File::from(descriptor.unwrap());
        let flags = rustix::io::fcntl_getfd(&file).unwrap();
        assert_eq!(flags, rustix::io::FdFlags::CLOEXEC);
        let (length, descriptor) = receive(&other, &mut bytes).unwrap();
        assert_eq!(
            (&bytes[..length], descriptor.is_none()),
            (&b"second"[..], true)
        );
        drop(other);
        // Children that other tests fork have it as well until they execute something.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while send(&one, b"third", None).is_ok() {
            assert!(
                std::time::Instant::now() < deadline,
                "the other end is there"
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

//! Programs of another architecture that the kernel runs: those of 32 bits on x86-64.
#![cfg(target_arch = "x86_64")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use warren_tests_conformance::garden::Server;

/// i386: writes `ok`, then asks for a namespace of its own and ends with the number of the error.
const CODE: &[u8] = &[
    0xb8, 4, 0, 0, 0, // mov eax, 4 (write)
    0xbb, 1, 0, 0, 0, // mov ebx, 1
    0xb9, 0x80, 0x80, 0x04, 0x08, // mov ecx, text
    0xba, 3, 0, 0, 0, // mov edx, 3
    0xcd, 0x80, // int 0x80
    0xb8, 0x36, 1, 0, 0, // mov eax, 310 (unshare)
    0x31, 0xdb, // xor ebx, ebx
    0xcd, 0x80, // int 0x80
    0xf7, 0xd8, // neg eax
    0x89, 0xc3, // mov ebx, eax
    0xb8, 1, 0, 0, 0, // mov eax, 1 (exit)
    0xcd, 0x80, // int 0x80
];
/// Where the program is in memory, and where in it the text and the code are.
const BASE: u32 = 0x0804_8000;
const TEXT: u32 = 0x80;
const START: u32 = 0x90;

/// An executable of 32 bits with one segment, which is all of the file.
fn executable() -> Vec<u8> {
    let length = START + u32::try_from(CODE.len()).unwrap();
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let halves = |file: &mut Vec<u8>, all: &[u16]| {
        file.extend(all.iter().flat_map(|one| one.to_le_bytes()));
    };
    let words = |file: &mut Vec<u8>, all: &[u32]| {
        file.extend(all.iter().flat_map(|one| one.to_le_bytes()));
    };
    halves(&mut file, &[2, 3]); // executable, i386
    words(&mut file, &[1, BASE + START, 52, 0, 0]);
    halves(&mut file, &[52, 32, 1, 0, 0, 0]);
    words(&mut file, &[1, 0, BASE, BASE, length, length, 5, 0x1000]);
    file.resize(TEXT as usize, 0);
    file.extend(b"ok\n");
    file.resize(START as usize, 0);
    file.extend(CODE);
    file
}

#[test]
fn programs_of_32_bits_are_filtered_like_all_others() {
    let server = Server::new();
    let program = executable();
    let octal: String = program.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let script =
        format!("printf '{octal}' >/tmp/small; chmod 755 /tmp/small; /tmp/small; echo ended $?");

    // What the kernel itself makes of it: it may be built without them.
    let here = server.directory().join("small");
    fs::write(&here, &program).unwrap();
    fs::set_permissions(&here, fs::Permissions::from_mode(0o755)).unwrap();
    let runs = Command::new("/bin/sh")
        .args(["-c", "\"$0\"; echo ended $?"])
        .arg(&here)
        .output()
        .unwrap();
    let bare = String::from_utf8(runs.stdout).unwrap();
    let (privileged, unprivileged) = match &*bare {
        "ok\nended 0\n" => ("ok\nended 0\n", "ok\nended 1\n"),
        "ended 126\n" => ("ended 126\n", "ended 126\n"),
        other => panic!("neither runs here nor is refused: {other}"),
    };
    let container = server.container();
    assert_eq!(container.sh(&script).stdout, unprivileged);
    let mut spec = server.spec("");
    spec.privileged = true;
    assert_eq!(server.create(&spec).sh(&script).stdout, privileged);
}

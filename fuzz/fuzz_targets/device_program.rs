//! Rules to a program: it must answer as the rules do, for any device.
//! First bytes: the device and the access asked for; the rest: rules, `+` or `-` and v1 text, a line each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_devicefilter::{
    Access, Device, DeviceKind, DeviceRule, Policy, Program, Request, Style, interpret,
};

fuzz_target!(|bytes: &[u8]| {
    let [asked, major, minor, text @ ..] = bytes else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let rules = text.lines().filter_map(|line| {
        let allow = line.starts_with('+');
        DeviceRule::parse_v1(allow, line.get(1..)?).ok()
    });
    let rules: Vec<DeviceRule> = rules.take(200).collect();
    let Ok(policy) = Policy::from_rules(&rules) else {
        return;
    };
    let kind = if asked & 8 == 0 {
        DeviceKind::Char
    } else {
        DeviceKind::Block
    };
    let access = [Access::READ, Access::WRITE, Access::MKNOD][usize::from(asked % 3)];
    let device = Device {
        kind,
        major: (*major).into(),
        minor: (*minor).into(),
    };
    let request = Request { device, access };
    for style in [Style::Shared, Style::Compact] {
        let program = Program::new(&policy, style);
        let answer = interpret::allows(program.insns(), request).expect("our own program ends");
        assert_eq!(answer, policy.allows(request), "{rules:?} {request:?}");
    }
});

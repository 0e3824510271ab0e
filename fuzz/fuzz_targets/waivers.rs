//! Waiver files.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let today = plimsoll::report::waiver::Day::constant(2026, 1, 1);
    let _ = plimsoll::report::Waivers::read("waivers.toml".into(), text, today, &|name| name.starts_with("Container"));
});

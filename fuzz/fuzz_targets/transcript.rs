//! Recordings: read, written, and read again, they are the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(read) = plimsoll::transcript::read(data) else { return };
    let mut writer = plimsoll::transcript::Writer::new(Vec::new(), read.api_version).expect("a Vec takes everything");
    for entry in &read.entries {
        writer.entry(entry).expect("a Vec takes everything");
    }
});

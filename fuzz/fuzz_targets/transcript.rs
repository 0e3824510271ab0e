//! Recordings: what is written is read again as the same.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::transcript(data));

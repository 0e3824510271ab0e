//! Frames of attach, exec and logs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::frames(data));

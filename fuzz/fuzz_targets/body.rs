//! Bodies: chunked, and of a length.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::body(data));
